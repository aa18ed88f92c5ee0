"""The rules of style that a regular expression can hold."""
import re

from source import Source

_DETACHED = re.compile(r"\bdetached\b")
_CO_AWAIT = re.compile(r"\bco_await\b")
_OPEN_TODO = re.compile(r"\b(?:TODO(?!\(#\d+\))|FIXME|XXX|HACK|TEMPORARY)\b")
_MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|home/\w+|root|Users|tmp/build)\b[/\w-]*")
_CAPTURING_LAMBDA = re.compile(r"[(,=]\s*\[\s*[&=\w][^\]]*\]\s*(?:\(|mutable\b|\{)")
# What may stand before co_await: nothing, the name being initialised, co_return, (void), or if (...) and alike.
_PLAIN_STATEMENT = re.compile(r"(?:^|[=)\]]|\belse|\bdo|\bco_return|:)\s*$")


def check_header(source: Source) -> list:
    if not source.path.endswith((".hpp", ".h")):
        return []
    lines = source.lines
    if not lines or lines[0].strip() != "#pragma once":
        return [source.problem(1, "header", "the first line is #pragma once")]
    if len(lines) < 2 or not lines[1].startswith("//"):
        return [source.problem(2, "header", "opens with 2-6 lines: what it is, what not, who owns it, thread rule")]
    return []


def _before_in_statement(code: str, at: int) -> tuple:
    """The text of the statement before `at`, and whether a parenthesis is open around it."""
    depth, start = 0, at
    while start > 0:
        sign = code[start - 1]
        if sign in ")]":
            depth += 1
        elif sign in "([":
            if depth == 0:
                return code[start:at], True
            depth -= 1
        elif sign in ";{}" and depth == 0:
            break
        start -= 1
    return code[start:at], False


def check_co_await(source: Source) -> list:
    problems = []
    for match in _CO_AWAIT.finditer(source.code):
        before, is_argument = _before_in_statement(source.code, match.start())
        after = re.match(r"[^;]*", source.code[match.end() :]).group(0)
        line = source.line_of(match.start())
        if source.allows(line, "co_await"):
            continue
        reason = ""
        if is_argument:
            reason = "inside an argument list or a condition"
        elif "?" in before:
            reason = "inside ?:"
        elif _CAPTURING_LAMBDA.search(after):
            reason = "in an expression that builds a capturing lambda"
        elif not _PLAIN_STATEMENT.search(before.strip()):
            reason = "inside an expression"
        if reason:
            message = f"co_await {reason}: gcc 12 miscompiles such; initialise a named local with it"
            problems.append(source.problem(line, "co_await", message))
    return problems


def check(source: Source) -> list:
    if source.path.startswith("tests/tidy/"):
        return []
    problems = check_header(source) if source.is_cpp else []
    if source.is_cpp:
        problems += check_co_await(source)
        for match in _DETACHED.finditer(source.code):
            message = "asio::detached drops exceptions: name a completion handler that logs and counts"
            problems.append(source.problem(source.line_of(match.start()), "detached", message))
    for number, line in enumerate(source.lines, 1):
        if _OPEN_TODO.search(line) and not source.allows(number, "todo"):
            problems.append(source.problem(number, "todo", "finish it, or name its issue: TODO(#12): ..."))
        if _MACHINE_PATH.search(re.sub(r"https?://\S+", "", line)) and not source.allows(number, "path"):
            problems.append(source.problem(number, "path", "a path of one machine; take it from the environment"))
    return problems
