"""One file as the rules see it: its text, and the same text with comments and strings blanked.

Blanking keeps every line and column, so a match in `code` is at its place in the file.
"""
import io
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

CPP_SUFFIXES = {".hpp", ".cpp", ".h", ".cc"}
TEXT_SUFFIXES = CPP_SUFFIXES | {".py", ".sh", ".cmake", ".yaml", ".yml", ".json", ".txt", ".service", ".in", ".js",
                                ".css"}

_CPP_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/"""
    r"""|(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)\""""
    r"""|"(?:\\.|[^"\\\n])*\""""
    r"""|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Problem:
    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _blank_cpp(text: str, keep_strings: bool) -> str:
    def replace(match: re.Match) -> str:
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return _blank(token)
        return token if keep_strings else token[0] + _blank(token[1:-1]) + token[-1]

    return _CPP_TOKEN.sub(replace, text)


def _blank_python(text: str) -> str:
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    out = list(text)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING):
                begin = starts[token.start[0] - 1] + token.start[1]
                end = starts[token.end[0] - 1] + token.end[1]
                out[begin:end] = _blank(text[begin:end])
    except (tokenize.TokenError, IndentationError):
        pass  # Not our finding: the program that uses the file reports it.
    return "".join(out)


@dataclass
class Source:
    path: str  # relative to the repository, with forward slashes
    text: str
    code: str = field(init=False)  # without comments and string contents
    uncommented: str = field(init=False)  # without comments

    def __post_init__(self) -> None:
        if self.is_cpp:
            self.code = _blank_cpp(self.text, keep_strings=False)
            self.uncommented = _blank_cpp(self.text, keep_strings=True)
        elif self.is_python:
            self.code = self.uncommented = _blank_python(self.text)
        else:
            self.code = self.uncommented = self.text

    @property
    def is_cpp(self) -> bool:
        return Path(self.path).suffix in CPP_SUFFIXES

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py") or self.text.startswith("#!/usr/bin/env python3")

    @property
    def lines(self) -> list:
        return self.text.splitlines()

    def line_of(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def problem(self, line: int, rule: str, message: str) -> Problem:
        return Problem(self.path, line, rule, message)

    def allows(self, line: int, what: str) -> bool:
        """True if this line or the one above says `tidy: allow <what>`."""
        near = self.lines[max(0, line - 2) : line]
        return any(re.search(rf"tidy: allow\b.*\b{re.escape(what)}\b", text) for text in near)


def load(root: Path, folders: list) -> list:
    """Every text file of the project below these folders (or named files), sorted by path."""
    found = []
    for name in folders:
        top = root / name
        paths = [top] if top.is_file() else sorted(top.rglob("*")) if top.is_dir() else []
        for path in paths:
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            if path.suffix not in TEXT_SUFFIXES and (path.suffix or path.stat().st_size > 200_000):
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # A fuzz corpus entry.
            if path.suffix in TEXT_SUFFIXES or text.startswith("#!"):
                found.append(Source(path.relative_to(root).as_posix(), text))
    return found
