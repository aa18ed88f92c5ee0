"""The include allow-table: which module may include which, and who alone includes a third-party library.

The same direction is built into the link lines of src/<module>/CMakeLists.txt, which are checked here too.
"""
import re
from pathlib import Path

from source import Problem, Source

# Module -> the modules whose headers it may include besides its own.
MAY_INCLUDE = {
    "base": set(),
    "pgwire": {"base"},
    "topology": {"base"},
    "routing": {"base", "topology"},
    "metrics": {"base"},
    "net": {"base"},
    "relay": {"base", "net", "metrics"},
    "discovery": {"base", "net"},
    "probe": {"base", "topology", "net"},
    # metrics for its counters, net for its options.
    "runtime": {"base", "topology", "routing", "metrics", "net"},
    "login": {"base", "pgwire", "topology", "routing", "runtime", "metrics"},
    "session": {"base", "pgwire", "topology", "routing", "runtime", "login", "metrics", "net", "relay"},
    # The format of what one process hands to the next.
    "succession": {"base", "pgwire", "topology", "relay", "session", "net"},
    # config also includes every module's options.hpp, and nothing else of theirs.
    "config": {"base"},
    # net for the listener of the admin port, story for the history of failovers.
    "admin": {"base", "topology", "metrics", "net", "story"},
    # net for unique_fd.
    "fence": {"base", "topology", "net"},
    # metrics for its counters.
    "story": {"base", "topology", "runtime", "metrics"},
}
ALL_MODULES = set(MAY_INCLUDE) | {"server"}
MAY_INCLUDE["server"] = ALL_MODULES - {"server"}

# Start of a third-party header's name -> the modules that may include it ("main" is src/main.cpp).
THIRD_PARTY = {
    "spdlog/": {"base"},
    "fmt/": {"base"},
    "prometheus/": {"metrics"},
    # discovery speaks HTTPS with the Kubernetes API.
    "openssl/": {"net", "discovery"},
    "boost/asio/ssl": {"net", "discovery"},
    "liburing": {"relay"},
    "libpq": {"probe"},
    "yaml-cpp/": {"config"},
    "boost/beast": {"admin", "discovery"},
    "boost/json": {"admin", "fence", "discovery", "succession"},
    "CLI/": {"main"},
    "boost/asio": {"net", "relay", "discovery", "probe", "session", "admin", "fence", "server", "main"},
}
# The pure modules decide without I/O: no socket, no clock, no lock of their own, no log.
PURE = {"pgwire", "topology", "routing", "runtime", "login"}
PURE_FORBIDS = re.compile(
    r"^(mutex|shared_mutex|thread|condition_variable|future|fstream|iostream|cstdio|unistd\.h|poll\.h"
    r"|sys/socket\.h|sys/epoll\.h|netinet/.*|pgsteer/base/log\.hpp)$"
)
PURE_FORBIDS_CODE = re.compile(r"\b(steady_clock|system_clock|clock)::now\s*\(")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
_OPTIONS = re.compile(r"^pgsteer/\w+/(\w+_)?options\.hpp$")
_COMPILED_THIRD_PARTY = "src/boost_compiled.cpp"


def module_of(path: str) -> str:
    """The module a file belongs to; "main" for src/main.cpp; empty for tests and benches."""
    parts = path.split("/")
    if path == "src/main.cpp":
        return "main"
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[0] == "include" and len(parts) > 3:
        return parts[2]
    return ""


def _wrong_module(source: Source, own: str, quote: str, header: str) -> str:
    parts = header.split("/")
    if parts[0] == "pgsteer" and len(parts) > 2:
        other, is_private = parts[1], False
    elif quote == '"' and len(parts) > 1 and parts[0] in ALL_MODULES:
        other, is_private = parts[0], True
    else:
        return ""
    if other == own or own == "main":
        return ""
    if is_private:
        return f"{header} is private to {other}; move what is needed to include/pgsteer/{other}"
    if own == "config" and _OPTIONS.match(header):
        return ""
    if other not in MAY_INCLUDE.get(own, set()):
        allowed = ", ".join(sorted(MAY_INCLUDE.get(own, set()))) or "nothing"
        return f"{own} may not include {other} (it may include {allowed})"
    return ""


def _wrong_third_party(own: str, header: str) -> str:
    for prefix, owners in THIRD_PARTY.items():
        if header.startswith(prefix):
            return "" if own in owners else f"{header} belongs behind {' or '.join(sorted(owners))}"
    if own in PURE and PURE_FORBIDS.match(header):
        return f"{own} is pure (no socket, clock, lock or log) and may not include {header}"
    return ""


def check(source: Source) -> list:
    own = module_of(source.path)
    if not source.is_cpp or not own or source.path == _COMPILED_THIRD_PARTY:
        return []
    problems = []
    if own not in ALL_MODULES | {"main"}:
        return [source.problem(1, "include", f"{own} is no module; known: {', '.join(sorted(ALL_MODULES))}")]
    for match in _INCLUDE.finditer(source.uncommented):
        quote, header = match.groups()
        message = _wrong_module(source, own, quote, header) or _wrong_third_party(own, header)
        if message:
            problems.append(source.problem(source.line_of(match.start(1)), "include", message))
    if own in PURE:
        for match in PURE_FORBIDS_CODE.finditer(source.code):
            line = source.line_of(match.start())
            problems.append(source.problem(line, "include", f"{own} is pure: take the time as a value"))
    return problems


def check_link_table(root: Path) -> list:
    """The MODULES of each pgsteer_module() call stay inside the table."""
    problems = []
    for path in sorted(root.glob("src/*/CMakeLists.txt")):
        match = re.search(r"pgsteer_module\((\w+)(?:\s+MODULES((?:\s+[a-z]+)+))?", path.read_text())
        if not match or match.group(1) not in ALL_MODULES:
            continue
        own, linked = match.group(1), set((match.group(2) or "").split())
        allowed = ALL_MODULES if own in ("config", "server") else MAY_INCLUDE[own]
        for other in sorted(linked - allowed):
            place = path.relative_to(root).as_posix()
            problems.append(Problem(place, 1, "include", f"{own} may not link to {other}"))
    return problems
