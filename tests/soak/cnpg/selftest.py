#!/usr/bin/env python3
"""facts.py and verdict.py on measurements that are made up: each requirement can fail, and for its own reason alone."""
import dataclasses
import json
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(path) for path in (HERE, HERE.parents[1] / "cluster", HERE.parents[1] / "kubernetes")]
# pylint: disable=wrong-import-position
from facts import Facts, timeline  # noqa: E402
from load import Try  # noqa: E402
from observe import PRIMARY, STANDBY, Change  # noqa: E402
from verdict import judge, notes, table  # noqa: E402

OLD, NEW = "10.0.0.1", "10.0.0.2"
BEGAN = 1_000_000.0
PROMOTED = BEGAN + 2
LOST_ANSWERS, CONNECTIONS, NEVER_LATER, EARLIER, FREEZE, STORY = range(6)


def written(kind: str, number: int, ended: float, server: str = NEW) -> Try:
    return Try(kind, number, ended - 0.01, ended - 0.005, ended, True, server)


def failed(kind: str, number: int, ended: float) -> Try:
    return Try(kind, number, ended - 0.01, None, ended, False, None, "57P01 terminating connection")


class Made:
    """A measurement in which pgsteer keeps everything: its first write is a second before that of -rw."""

    def __init__(self, event: str = "delete", mode: str = "async", deletes_pod: bool = True):
        self.event = {"event": event, "mode": mode, "primary": "pg-1", "began": BEGAN, "command_ended": BEGAN,
                      "deletes_pod": deletes_pod, "destroyed": []}
        self.changes = [Change(BEGAN - 5, "postgres", f"pg-1 {OLD}", PRIMARY),
                        Change(BEGAN - 5, "postgres", f"pg-2 {NEW}", STANDBY),
                        Change(PROMOTED, "postgres", f"pg-2 {NEW}", PRIMARY)]
        self.tries = {name: [written(kind, 0, BEGAN - 0.5, OLD) for kind in ("session0", "session1", "new", "open")]
                      + [written(kind, 1, first) for kind in ("session0", "session1", "new", "open")]
                      for name, first in (("pgsteer", PROMOTED + 0.1), ("rw", PROMOTED + 1.1))}
        self.missing = []  # Keys that are not in the table although they are acknowledged.
        self.committed = []  # Keys that are, although their try failed.
        self.log = [("2000-01-01T00:00:00.000Z", "pgsteer started", {}), self.story(0.1)]

    @staticmethod
    def story(seconds: float) -> tuple:
        """That began then and was over half a second later."""
        return (seconds + 0.5, "first rw login on the new primary: the failover is over",
                {"seconds_since_first_sign": 0.5})

    def facts(self, folder: Path) -> Facts:
        folder.mkdir()
        (folder / "event").write_text(json.dumps(self.event))
        (folder / "changes").write_text("".join(json.dumps(dataclasses.asdict(c)) + "\n" for c in self.changes))
        keys = {f"{name}/{one.kind}/{one.number}" for name, tries in self.tries.items() for one in tries
                if one.is_acknowledged}
        (folder / "rows").write_text("\n".join((keys - set(self.missing)) | set(self.committed)))
        for name, tries in self.tries.items():
            (folder / f"tries-{name}").write_text("".join(json.dumps(dataclasses.asdict(t)) + "\n" for t in tries))
        lines = [{"time": when if isinstance(when, str) else iso(BEGAN + when), "event": event, **keys_of}
                 for when, event, keys_of in self.log]
        (folder / "log-pgsteer").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return Facts(folder)


def iso(when: float) -> str:
    day, seconds = divmod(round(when * 1000), 86_400_000)
    return (f"1970-01-{day + 1:02}T{seconds // 3_600_000:02}:{seconds // 60_000 % 60:02}:"
            f"{seconds // 1000 % 60:02}.{seconds % 1000:03}Z")


class VerdictTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def failures(self, *made) -> list:
        """The numbers of the requirements that fail."""
        measured = [one.facts(self.folder / f"run{index}") for index, one in enumerate(made)]
        self.assertEqual(len(table(measured).splitlines()), 2 + 2 * len(made))
        for facts in measured:
            timeline(facts)
        return [number for number, verdict in enumerate(judge(measured)) if verdict.failures]

    def test_all_hold(self):
        self.assertEqual(self.failures(Made()), [])

    def test_a_lost_answer(self):
        made = Made()
        made.tries["pgsteer"].append(failed("session0", 7, PROMOTED + 0.5))
        made.committed.append("pgsteer/session0/7")
        self.assertEqual(self.failures(made), [LOST_ANSWERS])

    def test_as_many_lost_answers_as_through_rw_in_another_round(self):
        made, other = Made(), Made()
        for one, name in ((made, "pgsteer"), (other, "rw")):
            one.tries[name].append(failed("session0", 7, PROMOTED + 0.5))
            one.committed.append(f"{name}/session0/7")
        self.assertEqual(self.failures(made, other), [])

    def test_a_lost_answer_of_another_event_is_no_excuse(self):
        made, other = Made(), Made(event="promote", deletes_pod=False)
        for one, name in ((made, "pgsteer"), (other, "rw")):
            one.tries[name].append(failed("session0", 7, PROMOTED + 0.5))
            one.committed.append(f"{name}/session0/7")
        self.assertEqual(self.failures(made, other), [LOST_ANSWERS])

    def test_failed_connections(self):
        made = Made()
        made.tries["pgsteer"] += [failed("new", 100 + number, BEGAN + 1) for number in range(5)]
        made.tries["pgsteer"].append(failed("open", 100, BEGAN - 1))  # Before the event.
        self.assertEqual(self.failures(made), [])
        made.tries["pgsteer"].append(failed("open", 101, BEGAN + 1))
        self.folder /= "again"
        self.folder.mkdir()
        self.assertEqual(self.failures(made), [CONNECTIONS])

    def test_a_late_first_write(self):
        made = Made(mode="sync")
        made.tries["rw"] = [written(kind, 1, PROMOTED + 0.04) for kind in ("session0", "session1")]
        self.assertEqual(self.failures(made), [NEVER_LATER])

    def test_a_first_write_that_is_hardly_earlier(self):
        made = Made()
        made.tries["rw"] = [written(kind, 1, PROMOTED + 0.4) for kind in ("session0", "session1")]
        self.assertEqual(self.failures(made), [EARLIER])

    def test_no_write_at_all(self):
        made = Made()
        made.tries["pgsteer"] = [written(kind, 0, BEGAN - 0.5, OLD) for kind in ("session0", "session1")]
        self.assertEqual(self.failures(made), [NEVER_LATER, EARLIER])

    def test_a_lost_write(self):
        made, freeze = Made(), Made(event="freeze", deletes_pod=False)
        for one in (made, freeze):
            one.missing.append("pgsteer/session0/0")
        self.assertEqual(self.failures(made), [])
        self.folder /= "freeze"
        self.folder.mkdir()
        self.assertEqual(self.failures(freeze), [FREEZE])

    def test_a_story_before_the_event(self):
        made = Made()
        made.log.append(made.story(-0.1))
        self.assertEqual(self.failures(made), [STORY])

    def test_a_story_that_was_over_before_the_event(self):
        made = Made()
        made.log.append(made.story(-20))
        self.assertEqual(self.failures(made), [])

    def test_no_story(self):
        made = Made()
        made.log = []
        self.assertEqual(self.failures(made), [STORY])

    def test_a_write_that_a_freeze_has_interrupted_is_no_first_write(self):
        made = Made("freeze", deletes_pod=False)
        made.changes.pop()
        made.tries["rw"].insert(4, Try("session0", 2, BEGAN - 0.5, None, BEGAN + 1, True, OLD))
        with tempfile.TemporaryDirectory() as folder:
            facts = made.facts(Path(folder) / "one")
        self.assertEqual(facts.paths["rw"].first_write, 3100)

    def test_an_instance_that_was_made_anew_is_told_of(self):
        made = Made()
        made.event["destroyed"] = ["pg-2"]
        with tempfile.TemporaryDirectory() as folder:
            told = notes([made.facts(Path(folder) / "one")])
        self.assertEqual(len(told), 1)
        self.assertIn("pg-2 ended again and again", told[0])

    def test_the_same_primary_again(self):
        made = Made(event="crash", mode="sync", deletes_pod=False)
        made.log = []
        made.changes = [Change(BEGAN - 5, "postgres", f"pg-1 {OLD}", PRIMARY),
                        Change(BEGAN + 0.1, "postgres", f"pg-1 {OLD}", "no: server closed the connection"),
                        Change(BEGAN + 2, "postgres", f"pg-1 {OLD}", PRIMARY)]
        self.assertEqual(self.failures(made), [])
        self.assertEqual(Facts(self.folder / "run0").paths["pgsteer"].first_write, 2100)


if __name__ == "__main__":
    unittest.main()
