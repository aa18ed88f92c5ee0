"""What one measurement shows, computed from the files in its folder and nothing else. Times are in ms from the event.

Flow: Facts(folder) -> .promotion, .paths["pgsteer"], .paths["rw"], .stories; timeline(facts) for a reader.
"""
import json
from datetime import datetime
from pathlib import Path

import load
import observe

PATHS = ("pgsteer", "rw")
STORY_OVER = "first rw login on the new primary: the failover is over"
SESSION_ENDED = "session ended"
SESSIONS = ("session0", "session1")
MOMENT_SECONDS = 0.05  # Clients write every 5 to 10 ms.


def _longest_gap(times: list) -> tuple:
    """(seconds, its end) of the longest time between neighbours."""
    return max(((after - before, after) for before, after in zip(times, times[1:])), default=(0.0, 0.0))


def _end_of_longest_gap(writes: list) -> float:
    """What was sent before it began, or in that moment, and was answered much later, does not end it."""
    seconds, end = _longest_gap(sorted(one.ended for one in writes))
    rest = [one for one in writes if not one.began - MOMENT_SECONDS < end - seconds < one.ended]
    return end if len(rest) == len(writes) else _end_of_longest_gap(rest)


class PathFacts:
    """What the clients of one path saw. The lists are of load.Try; writes that failed after the event count."""

    def __init__(self, name: str, tries: list, facts: "Facts"):
        writes = [one for one in tries if not one.kind.startswith("idle")]
        acknowledged = [one for one in writes if one.is_acknowledged]
        failed = [one for one in writes if not one.is_acknowledged and one.ended > facts.began]

        def is_in_table(one: load.Try) -> bool:
            return f"{name}/{one.kind}/{one.number}" in facts.rows

        self.failed_before = [one for one in writes if not one.is_acknowledged and one.ended <= facts.began]
        self.failed_connections = [one for one in failed if one.kind in ("new", "open")]
        self.failed_session_writes = [one for one in failed if one.kind in SESSIONS]
        self.lost_answers = [one for one in failed if is_in_table(one)]
        self.lost_writes = [one for one in acknowledged if not is_in_table(one)]
        self.idle_ends = [one for one in tries if one.kind == "idle-end"]
        last = max(one.ended for one in writes)
        recent = [one for one in acknowledged if one.ended > facts.began - 1]
        self.gap_seconds = max(_longest_gap(sorted(one.ended for one in recent if one.kind == kind) + [last])[0]
                               for kind in SESSIONS)
        self.first_write = self._first_write(recent, facts)

    @staticmethod
    def _first_write(acknowledged: list, facts: "Facts"):
        """On the new primary; where the same one came back, after the longest time without a write. None: never."""
        if facts.promotion is None:
            return facts.ms(_end_of_longest_gap(acknowledged))
        times = [one.ended for one in acknowledged
                 if one.ended > facts.promoted_at and one.server != facts.old_address]
        return facts.ms(min(times)) if times else None

    def idle(self, facts: "Facts") -> str:
        """When its idle sessions were ended."""
        alive = sum(one.is_acknowledged for one in self.idle_ends)
        times = [facts.ms(one.began) for one in self.idle_ends if not one.is_acknowledged]
        words = [f"{min(times)}..{max(times)}"] if times else []
        return ", ".join(words + ([f"{alive} stay"] if alive else []))


class Facts:
    def __init__(self, folder: Path):
        self.folder = folder
        event = json.loads((folder / "event").read_text())
        self.event, self.mode, self.deletes_pod = event["event"], event["mode"], event["deletes_pod"]
        self.destroyed = event["destroyed"]  # Instances that did not come back by themselves.
        self.began = event["began"]
        self.rows = set((folder / "rows").read_text().split())
        self.changes = observe.read(folder / "changes")
        self.log = [json.loads(line) for line in (folder / "log-pgsteer").read_text().splitlines() if line]
        # Who was the primary before, and who is it after; of a pod that was replaced the address is another.
        asked = [change for change in self.changes if change.of == "postgres" and change.what == observe.PRIMARY]
        self.old_address = next(change.who.split()[1] for change in asked if change.time <= self.began)
        promoted = next((change for change in asked
                         if change.time > self.began and change.who.split()[1] != self.old_address), None)
        self.promoted_at = promoted.time if promoted else None
        self.promotion = self.ms(promoted.time) if promoted else None
        self.new_primary = promoted.who if promoted else None
        # When each failover began, by pgsteer's own account, whose end its log tells after the event. One of before,
        # when the Cluster was changed, is over only with the first login of this measurement's clients.
        self.stories = [self.ms(time_of(line) - float(line["seconds_since_first_sign"]))
                        for line in self.log if line["event"] == STORY_OVER and time_of(line) > self.began]
        self.paths = {name: PathFacts(name, load.read(folder / f"tries-{name}"), self) for name in PATHS}

    def ms(self, when: float) -> int:
        return round((when - self.began) * 1000)


def time_of(line: dict) -> float:
    return datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()


def timeline(facts: Facts) -> str:
    """Every change and every line of pgsteer's log but the ends of sessions; then what the clients' errors were."""
    entries = [(change.time, f"{change.of} {change.who}: {change.what}") for change in facts.changes]
    for line in facts.log:
        if line["event"] != SESSION_ENDED:
            rest = {key: value for key, value in line.items() if key not in ("time", "level", "event")}
            entries.append((time_of(line), f"pgsteer: {line['event']} {json.dumps(rest)}"))
    lines = [f"{facts.ms(when):>8} ms  {words}" for when, words in sorted(entries) if when > facts.began - 1]
    for name, path in facts.paths.items():
        lines.append(f"-- failed through {name}")
        for one in sorted(path.failed_before + path.failed_connections + path.failed_session_writes,
                          key=lambda one: one.ended):
            mark = "  COMMITTED" if one in path.lost_answers else ""
            lines.append(f"{facts.ms(one.ended):>8} ms  {one.kind} {one.number}, begun at {facts.ms(one.began)} ms: "
                         f"{one.error}{mark}")
        lines += [f"{facts.ms(one.ended):>8} ms  {one.kind} {one.number} on {one.server}: acknowledged, then LOST"
                  for one in path.lost_writes]
    return "\n".join(lines) + "\n"


__all__ = ["Facts", "PATHS", "timeline"]
