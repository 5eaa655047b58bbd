"""Edits that tests of updates make, and where they can be made."""

import ast
import zlib


def definitions(source: str) -> dict[str, range]:
    """Maps functions, methods and the main block of a module to their line numbers."""
    found = {}
    for node in ast.parse(source).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inner:
            if isinstance(one, ast.FunctionDef | ast.If):
                name = getattr(one, "name", "__main__")
                found[f"{name} of {getattr(node, 'name', '')}"] = range(
                    one.lineno - 1, one.end_lineno
                )
    return found


def places(a: str, b: str) -> tuple[list[tuple[int, int]], list[int]]:
    """Finds lines that two texts share, and lines that they do not share.

    A line is shared if the definition that it is in has it once in both texts, with
    the same neighbours.

    Returns:
        The numbers of shared lines in both texts, and those of lines that `b` lacks.
    """
    lines_a, lines_b, in_b = a.split("\n"), b.split("\n"), definitions(b)
    shared, other = [], []
    for name, span in definitions(a).items():
        mine = [lines_a[n] for n in span]
        theirs = [lines_b[n] for n in in_b.get(name, ())]
        for at in range(1, len(mine) - 1):
            line = mine[at]
            if not line.strip() or mine.count(line) > 1:
                continue
            if line not in theirs:
                other.append(span[at])
            elif theirs.count(line) == 1:
                there = theirs.index(line)
                if mine[at - 1 : at + 2] == theirs[there - 1 : there + 2]:
                    shared.append((span[at], in_b[name][there]))
    return shared, other


def edited(source: str, edits: dict[int, str]) -> str:
    """Edits a module without changing what it computes: adds and removes comments.

    Args:
        source: The module.
        edits: What to do at a line: `change` it, or `insert` one behind it, or
            `delete` it if it is a comment.
    """
    lines = source.split("\n")
    for at in sorted(edits, reverse=True):
        line = lines[at]
        indent = line[: len(line) - len(line.lstrip())]
        if edits[at] == "insert":
            lines.insert(at + 1, f"{indent}# Mine, {zlib.crc32(line.encode())}.")
        elif edits[at] == "delete" and line.lstrip().startswith("#"):
            del lines[at]
        else:
            lines[at] = f"{line}  # mine"
    return "\n".join(lines)
