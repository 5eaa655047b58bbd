"""Tells the lines of a notebook that IPython runs itself from Python."""

import ast
import re

#: Lines that IPython runs itself: magics, shell commands and help.
MAGIC = re.compile(
    r"\s*[%!?]"  # %matplotlib inline, !pip install keras, ?keras.Model
    r"|\s*[\w., ]+=\s*[%!]"  # files = !ls
    r"|.*[\w\])*]\?\??\s*$"  # keras.Model?
    r"|\s*(?:pip|conda|mamba) install\b"  # IPython needs no % for these
)

#: The magics whose code is run like any other. The others are left out.
RUN_CELL = re.compile(r"%%(?:time|capture)\b")
RUN_LINE = re.compile(r"(\s*)%time\s+(?=\S)")


def without_magics(source: str) -> str:
    """Replaces the magics of a cell. The other lines keep their numbers.

    A line that is valid Python is never a magic, so only the lines of syntax errors are
    looked at. Other syntax errors stay, for `compile()` to report.
    """
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("%%"):
            if not RUN_CELL.match(line):
                return ""  # such as %%bash, which is another language
            lines[number] = ""
        elif line.strip():
            break
    while True:
        code = "\n".join(lines)
        try:
            ast.parse(code)
            return code
        except SyntaxError as error:
            if not _replace_magic(lines, error.lineno or 0):
                return code


def _replace_magic(lines: list[str], number: int) -> bool:
    """Replaces the magic at a line, and the lines that continue it, if it is one."""
    first = min(number, len(lines)) - 1
    while first > 0 and lines[first - 1].endswith("\\"):
        first -= 1
    if first < 0 or not MAGIC.match(lines[first]):
        return False
    if RUN_LINE.match(lines[first]):
        lines[first] = RUN_LINE.sub(r"\1", lines[first], count=1)
        return True
    end = first
    while lines[end].endswith("\\") and end + 1 < len(lines):
        end += 1
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    lines[first : end + 1] = [f"{indent}pass"] + [""] * (end - first)
    return True
