"""Turns the main block of a module into the code of cells."""

import ast
import textwrap

from .class_names import names_bound

#: The parts of a main block.
DATA, TRAINING, CURVES, EVALUATION, SAMPLES = DEMO_CELLS = (
    "data",
    "training",
    "curves",
    "evaluation",
    "samples",
)


def demo_cells(source: str) -> dict[str, str]:
    """Splits the main block of a module into the code of cells.

    What comes before the statement `keras.utils.set_random_seed()` is the data. The
    training ends with the last statement that calls `fit()`. The rest is the
    evaluation, up to the paragraph that makes a `figure`, if there is one.

    Args:
        source: The main block.

    Returns:
        A dict of the code by the ids of the cells.
    """
    block = ast.parse(source).body[0]
    lines = source.splitlines(keepends=True)
    start, texts = block.lineno, []
    for node in block.body:
        texts.append("".join(lines[start : node.end_lineno]))
        start = node.end_lineno
    seeds = [n for n, text in enumerate(texts) if "set_random_seed(" in text]
    fits = [n for n, text in enumerate(texts) if ".fit(" in text]
    first = seeds[0] if seeds else 0
    last = fits[-1] + 1 if fits else len(texts)
    drawn = len(texts)
    for number in range(len(texts) - 1, last - 1, -1):
        if "figure = " in texts[number]:
            drawn = number
    while last < drawn < len(texts) and not texts[drawn].startswith("\n"):
        drawn -= 1
    ends = {DATA: (0, first), TRAINING: (first, last)}
    ends |= {EVALUATION: (last, drawn), SAMPLES: (drawn, len(texts))}
    return {
        name: textwrap.dedent("".join(texts[begin:end])).strip("\n")
        for name, (begin, end) in ends.items()
    }


def with_progress(training: str) -> str:
    """Shows the progress in one line, where a module prints a line for each epoch."""
    lines = training.split("\n")
    edits = []
    for node in ast.walk(ast.parse(training)):
        given = {k.arg: k.value for k in getattr(node, "keywords", ())}
        if "verbose" not in given or ast.unparse(given["verbose"]) != "2":
            continue
        others = given.get("callbacks")
        quiet = "0" if others else "0, callbacks=[Progress()]"
        edits.append((given["verbose"], 1, quiet))
        edits += [(others, 1, "[Progress(), ")] if others else []
    edits.sort(key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True)
    for node, length, new in edits:
        line, at = lines[node.lineno - 1], node.col_offset
        lines[node.lineno - 1] = line[:at] + new + line[at + length :]
    return "\n".join(lines)


def with_history(training: str) -> tuple[str, str]:
    """Names what `fit()` returns, which a notebook would show below the cell.

    Returns:
        The code of the training, and an expression for the values of each epoch. It is
        empty if the code has neither a `model` nor a dict of `networks`.
    """
    lines, body = training.split("\n"), ast.parse(training).body
    bound = names_bound(ast.Module(body, []))
    history = ""
    if bound["model"]:
        history = "model.history.history"
    elif bound["networks"]:
        # The first network is the recipe's own.
        history = "next(iter(networks.values())).history.history"
    for number, line in enumerate(lines):
        if line.startswith("model.fit("):
            lines[number], history = f"history = {line}", "history.history"
        elif number + 1 == body[-1].lineno and isinstance(body[-1], ast.Expr):
            lines[number] = f"_ = {line}"
    return "\n".join(lines), history
