"""The table of all measurements, and whether pgsteer kept what it must: one line for each requirement.

Pure: of Facts it makes text and verdicts.
"""
from collections import defaultdict
from dataclasses import dataclass

from facts import Facts

FAILED_CONNECTIONS_MAX = 5
EARLIER_MS_MIN = 400  # Than through -rw, where a pod was deleted and no standby is waited for.
# What the two paths' clients differ by when both could write at the same moment: they try every 5 to 10 ms, and have
# two cores between them.
SAME_MOMENT_MS = 50
# The log's times and the event's are read by two processes, in whole ms.
CLOCK_MS = 5
HEADS = ("run", "promotion", "path", "first write on the new primary", "longest gap in a session",
         "new connections failed", "sessions' writes failed", "committed, answer lost", "acknowledged, then lost",
         "idle sessions ended", "story begins")


@dataclass(frozen=True)
class Verdict:
    requirement: str
    failures: list  # In words; empty: it holds.
    tried: int  # How many measurements it is about.

    def __str__(self) -> str:
        word = "not tried" if not self.tried else "FAILED" if self.failures else "holds"
        lines = [f"{word:<9}  {self.requirement} ({self.tried} tried)"]
        return "\n".join(lines + [f"           - {failure}" for failure in self.failures])


def name_of(facts: Facts) -> str:
    return facts.folder.name


def table(measured: list) -> str:
    """As Markdown. Times are in ms from the event."""
    rows = [HEADS, ["---"] * len(HEADS)]
    for facts in measured:
        for name, path in facts.paths.items():
            rows.append([
                name_of(facts), "same pod" if facts.promotion is None else facts.promotion, name,
                "never" if path.first_write is None else path.first_write, round(path.gap_seconds * 1000),
                len(path.failed_connections), len(path.failed_session_writes), len(path.lost_answers),
                len(path.lost_writes), path.idle(facts),
                ", ".join(map(str, facts.stories)) or "-" if name == "pgsteer" else ""])
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def _lost_answers(measured: list) -> Verdict:
    sums = defaultdict(lambda: [0, 0])
    for facts in measured:
        for index, name in enumerate(("pgsteer", "rw")):
            sums[facts.mode, facts.event][index] += len(facts.paths[name].lost_answers)
    failures = [f"{mode} {event}: {ours} through pgsteer, {theirs} through -rw"
                for (mode, event), (ours, theirs) in sums.items() if ours > theirs]
    return Verdict("commits with a lost answer, of all rounds of an event: no more than through -rw", failures,
                   len(measured))


def _failed_connections(measured: list) -> Verdict:
    failures = [f"{name_of(facts)}: {count}" for facts in measured
                if (count := len(facts.paths["pgsteer"].failed_connections)) > FAILED_CONNECTIONS_MAX]
    return Verdict(f"failed new connections through pgsteer: at most {FAILED_CONNECTIONS_MAX} in each", failures,
                   len(measured))


def _first_writes(measured: list, what: str, earlier_ms: int) -> Verdict:
    failures = []
    for facts in measured:
        ours, theirs = (facts.paths[name].first_write for name in ("pgsteer", "rw"))
        if ours is None:
            failures.append(f"{name_of(facts)}: none through pgsteer")
        elif theirs is not None and theirs - ours < earlier_ms:
            failures.append(f"{name_of(facts)}: at {ours} ms through pgsteer, at {theirs} ms through -rw")
    return Verdict(what, failures, len(measured))


def _freezes(measured: list) -> Verdict:
    freezes = [facts for facts in measured if facts.event == "freeze"]
    failures = [f"{name_of(facts)}: {lost}" for facts in freezes if (lost := len(facts.paths["pgsteer"].lost_writes))]
    return Verdict("acknowledged writes lost in a freeze, through pgsteer: 0", failures, len(freezes))


def _stories(measured: list) -> Verdict:
    failures = []
    for facts in measured:
        if facts.promotion is not None and not facts.stories:
            failures.append(f"{name_of(facts)}: pgsteer's log tells no failover")
        failures += [f"{name_of(facts)}: it begins {-begins} ms before" for begins in facts.stories
                     if begins < -CLOCK_MS]
    return Verdict("the failover story of pgsteer's log begins at the event, not before", failures, len(measured))


def judge(measured: list) -> list:
    deleted = [facts for facts in measured if facts.deletes_pod and facts.mode == "async"]
    return [
        _lost_answers(measured),
        _failed_connections(measured),
        _first_writes(measured, f"first write through pgsteer no later than through -rw ({SAME_MOMENT_MS} ms are the "
                      "same moment)", -SAME_MOMENT_MS),
        _first_writes(deleted, f"and {EARLIER_MS_MIN} ms earlier or more, asynchronous and a pod deleted",
                      EARLIER_MS_MIN),
        _freezes(measured),
        _stories(measured)]


def notes(measured: list) -> list:
    """What is no requirement, and a reader should not miss."""
    found = []
    for facts in measured:
        ours, theirs = (len(facts.paths[name].lost_writes) for name in ("pgsteer", "rw"))
        if facts.event != "freeze" and ours + theirs:
            found.append(f"note       {name_of(facts)}: acknowledged, then lost: {ours} through pgsteer, {theirs} "
                         "through -rw")
        for pod in facts.destroyed:
            found.append(f"note       {name_of(facts)}: {pod} ended again and again, and another instance was made in its "
                         f"place; its last words: log-{pod}-destroyed")
        before = len(facts.paths["pgsteer"].failed_before)
        if before:
            found.append(f"note       {name_of(facts)}: {before} tries through pgsteer failed before the event")
    return found


__all__ = ["Verdict", "judge", "notes", "table"]
