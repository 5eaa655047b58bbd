"""The verdicts for people: a table, and each failure with its cause and fix."""

import os
import sys
import textwrap
from contextlib import contextmanager

import click

MARKS = {
    "exact": ("exact", "green"),
    "close": ("close", "green"),
    "holds": ("holds", "green"),
    "differs": ("DIFFERS", "red"),
    "raises": ("RAISES", "red"),
    "not applicable": ("n/a", None),
}


def failed(verdict: dict) -> bool:
    """Whether a verdict is against the class."""
    return verdict["outcome"] in ("differs", "raises")


def as_text(verdicts: list[dict]) -> str:
    """Returns the table, the failures and a summary."""
    width = max(len(verdict["name"]) for verdict in verdicts)
    lines, group, reasons = [], None, {}
    for verdict in verdicts:
        if verdict["outcome"] == "not applicable":
            reasons.setdefault(verdict["detail"], []).append(verdict["name"])
            continue
        if verdict["group"] != group:
            group = verdict["group"]
            lines.append(click.style(group, bold=True))
        mark, color = MARKS[verdict["outcome"]]
        detail = verdict["detail"] if verdict["outcome"] == "close" else ""
        mark = click.style(mark, fg=color)
        lines.append(f"  {verdict['name']:<{width}}  {mark}  {detail}".rstrip())
    if reasons:
        lines.append(click.style("not applicable", bold=True))
    for reason, names in reasons.items():
        lines.append(f"  {reason}:")
        listed = ", ".join(names)
        lines += _wrap("    ", listed)
    causes = {}
    by_name = {verdict["name"]: verdict for verdict in verdicts if failed(verdict)}
    for verdict in by_name.values():
        # Where a simpler case fails, it fails for that one's reason.
        simpler = [by_name[n] for n in verdict["builds_on"] if n in by_name]
        told = simpler[0] if simpler else verdict
        causes.setdefault((told["cause"], told["fix"]), []).append(verdict)
    for (cause, fix), found in causes.items():
        lines += ["", *_failure(cause, fix, found)]
    text = "\n".join([*lines, "", summary(verdicts)]) + "\n"
    colored = sys.stdout is not None and sys.stdout.isatty()
    return text if colored and "NO_COLOR" not in os.environ else click.unstyle(text)


def _failure(cause: str, fix: str, found: list[dict]) -> list[str]:
    """Tells of the cases that failed for one reason, the first of them in full."""
    first = found[0]
    others = ", ".join(verdict["name"] for verdict in found[1:])
    title = f"{first['group']}: {first['name']} {first['outcome']}"
    return [
        click.style(title, fg="red", bold=True),
        *_wrap("  ", first["detail"]),
        *(_wrap("  Also:  ", others) if others else ()),
        *_wrap("  Cause: ", cause),
        *_wrap("  Fix:   ", fix),
    ]


def _wrap(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        label + text, 88, subsequent_indent=" " * len(label), break_on_hyphens=False
    )


def summary(verdicts: list[dict]) -> str:
    """Counts the outcomes in one line."""
    counts = {}
    for verdict in verdicts:
        counts[verdict["outcome"]] = counts.get(verdict["outcome"], 0) + 1
    return ", ".join(f"{counts[o]} {o}" for o in MARKS if o in counts) + "."


def as_list(pattern: str, quick: bool) -> str:
    """Lists the cases, one a line, as `--only` finds them."""
    os.environ["KERAS_BACKEND"] = "jax"
    from .catalog import select  # imports Keras

    return "".join(f"{c.group}: {c.name}\n" for c in select(pattern, quick))


@contextmanager
def progress_bar():
    """Shows on a terminal's standard error how many cases are done.

    Yields:
        A function of how many are done, and how many there are.
    """
    shown = sys.stderr is not None and sys.stderr.isatty()

    def show(done: int, count: int) -> None:
        if shown and count:
            filled = 30 * done // count
            bar = "#" * filled + "-" * (30 - filled)
            click.echo(f"\r[{bar}] {done}/{count}", nl=False, err=True)

    try:
        yield show
    finally:
        if shown:
            click.echo("\r" + " " * 50 + "\r", nl=False, err=True)
