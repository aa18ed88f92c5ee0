"""One word per thing: words that pgsteer does not use, each with its replacement and the reason.

`tidy: allow <word>` on the line or the one above lets one through, with the reason beside it.
"""
import re
from dataclasses import dataclass

from source import Source


@dataclass(frozen=True)
class Banned:
    word: str
    instead: str
    reason: str
    everywhere: bool  # also in comments and strings; else only in names


BANNED = [
    Banned("upstream", "backend", "it points both ways, depending on who says it", True),
    Banned("downstream", "client", "it points both ways, depending on who says it", True),
    Banned("frontend", "client", "PostgreSQL's manual and HAProxy mean different things by it", True),
    Banned("master", "primary", "PostgreSQL's word is primary", True),
    Banned("slave", "standby", "PostgreSQL's word is standby", True),
    Banned("leader", "primary", "leaders are elected by others; PostgreSQL's word is primary", True),
    Banned("heartbeat", "probe", "we ask, nobody beats", True),
    Banned("healthcheck", "probe", "a probe asks for the role, not for health", True),
    Banned("health_check", "probe", "a probe asks for the role, not for health", True),
    Banned("ping", "probe", "a probe asks for the role, not for a sign of life", False),
    Banned("reactor", "worker", "a worker is a thread and its io_context", True),
    Banned("shard", "cluster or worker", "nothing is sharded here", True),
    Banned("node", "backend", "a machine, a Kubernetes node or a backend?", False),
    Banned("replica", "standby", "a replica of pgsteer or of the data? only user-facing prose may say it", False),
    Banned("utils", "the idea's own name", "a drawer for everything", False),
    Banned("common", "the idea's own name", "a drawer for everything", False),
]

# Where the words belong to somebody else: yaml-cpp's nodes, the peers' own configuration, a manual's title,
# Kubernetes' keys, addresses.
_QUOTED = [
    re.compile(r"https?://\S+"),
    re.compile(r"YAML::Node\w*"),
    re.compile(r"std::common_\w+"),
    re.compile(r"[Ff]rontend/[Bb]ackend"),
    re.compile(r"unsupported frontend protocol"),
    re.compile(r"postmaster", re.IGNORECASE),
    re.compile(r"postgresql-common|DEBIAN_FRONTEND"),
]
_SKIPPED_FOLDERS = ("tests/tidy/", "bench/load/", "deploy/kubernetes/", "tests/kubernetes/values/")
_NODE_IS_YAML = ("src/config/", "tests/unit/config/")


def subwords(name: str) -> list:
    """["health", "check", "url"] of health_check_url and HealthCheckUrl."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _uses(name: str, word: str) -> bool:
    wanted = word.split("_")
    have = subwords(name)
    return any(have[i : i + len(wanted)] == wanted for i in range(len(have)))


def check(source: Source) -> list:
    if source.path.startswith(_SKIPPED_FOLDERS):
        return []
    problems = []
    for banned in BANNED:
        if banned.word == "node" and source.path.startswith(_NODE_IS_YAML):
            continue
        text = source.text if banned.everywhere else source.code
        if banned.word.split("_")[0] not in text.lower():
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for quoted in _QUOTED:
                line = quoted.sub(" ", line)
            line = re.sub(r"\bhealth check\b", "health_check", line, flags=re.IGNORECASE)
            names = re.findall(r"[A-Za-z_]\w*", line)
            if any(_uses(name, banned.word) for name in names) and not source.allows(number, banned.word):
                message = f'"{banned.word}": say {banned.instead}; {banned.reason}'
                problems.append(source.problem(number, "word", message))
    return problems
