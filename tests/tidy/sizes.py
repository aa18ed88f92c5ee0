"""Sizes: a file fits in a head, a function on a screen."""
import ast
import re
import statistics

from source import Problem, Source

FILE_LINES_MAX = 450
FILE_LINES_MEDIAN_MAX = 150
FUNCTION_LINES_MAX = 70

_NAMESPACE = re.compile(r"\b(namespace|extern)\b[^()=;]*$")
_TYPE = re.compile(r"\b(class|struct|union|enum)\b[^()=]*$")
_INITIALISER = re.compile(r"(?<!operator)(?<![=!<>])=(?!=)\s*[\w:<>, \t\n]*$")


def cpp_functions(source: Source) -> list:
    """(first line, last line) of every outermost block that is no namespace, type or initialiser.

    A heuristic on braces: exact enough for code that clang-format has laid out.
    """
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), source.code,
                  flags=re.MULTILINE)
    found, stack, head = [], [], 0
    for match in re.finditer(r"[{};]", code):
        at, sign = match.start(), match.group(0)
        inside = bool(stack) and stack[-1][0] == "block"
        if sign == "{":
            text = code[head:at]
            if inside:
                kind = "block"
            elif _NAMESPACE.search(text) or _TYPE.search(text):
                kind = "scope"
            elif _INITIALISER.search(text):
                kind = "initialiser"
            else:
                kind = "block"
            begin = head + len(text) - len(text.lstrip())
            stack.append((kind if not inside else "block", begin, inside))
        elif sign == "}" and stack:
            kind, begin, nested = stack.pop()
            if kind == "block" and not nested:
                found.append((source.line_of(begin), source.line_of(at)))
        head = at + 1
    return found


def python_functions(source: Source) -> list:
    try:
        tree = ast.parse(source.text)
    except SyntaxError:
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(n.lineno, n.end_lineno) for n in ast.walk(tree) if isinstance(n, kinds)]


def check(source: Source) -> list:
    problems = []
    is_code = source.is_cpp or source.is_python or source.text.startswith("#!") or source.path.endswith((".sh", ".js", ".css"))
    if is_code and len(source.lines) > FILE_LINES_MAX:
        message = f"{len(source.lines)} lines, at most {FILE_LINES_MAX}: split it by idea"
        problems.append(source.problem(1, "file-size", message))
    functions = cpp_functions(source) if source.is_cpp else python_functions(source) if source.is_python else []
    for begin, end in functions:
        length = end - begin + 1
        if length > FUNCTION_LINES_MAX and not source.allows(begin, "function-size"):
            message = f"a function of {length} lines, at most {FUNCTION_LINES_MAX}: name its parts"
            problems.append(source.problem(begin, "function-size", message))
    return problems


def check_median(sources: list) -> tuple:
    """The problems, and a line that reports the figures."""
    lengths = sorted(len(s.lines) for s in sources if s.is_cpp)
    if not lengths:
        return [], "no C++ files"
    median = statistics.median(lengths)
    report = f"{len(lengths)} C++ files: median {median:.0f} lines, longest {lengths[-1]}"
    if median > FILE_LINES_MEDIAN_MAX:
        message = f"median {median:.0f} lines a file, at most {FILE_LINES_MEDIAN_MAX}"
        return [Problem(".", 0, "file-size", message)], report
    return [], report
