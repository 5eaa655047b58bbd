"""Prints the verdicts: a table, then each failure with its cause and fix."""

import os
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

import click

from .reports import Report, reports

MARKS = {
    "exact": ("exact", "green"),
    "close": ("close", "green"),
    "holds": ("holds", "green"),
    "differs": ("DIFFERS", "red"),
    "raises": ("RAISES", "red"),
    "not comparable": ("NOT COMPARABLE", "yellow"),
    "not applicable": ("n/a", None),
}


#: What to do if a difference from Keras is no mistake.
ON_PURPOSE = (
    "If you changed the mathematics on purpose, Keras's own trainer is no reference: "
    "check the class with --only contract, or compare it with an earlier version of "
    "it, as in --against HEAD."
)


def failed(verdict: dict) -> bool:
    """Whether the class failed the check."""
    return verdict["outcome"] in ("differs", "raises", "not comparable")


def as_text(verdicts: list[dict], intended: str = ON_PURPOSE, note: str = "") -> str:
    """Returns the table, the failures and a summary.

    Args:
        verdicts: The verdicts.
        intended: What to do if a difference is no mistake.
        note: A sentence about the reference. May be empty.
    """
    lines = [
        *_table(verdicts),
        *_compared_with(verdicts),
        *(_wrap("  ", note) if note else ()),
        *_left_out(verdicts),
        *_failures(verdicts, intended),
    ]
    text = "\n".join([*lines, "", summary(verdicts)]) + "\n"
    colored = sys.stdout is not None and sys.stdout.isatty()
    return text if colored and "NO_COLOR" not in os.environ else click.unstyle(text)


def _table(verdicts: list[dict]) -> Iterator[str]:
    """Yields a line for each check that ran, grouped."""
    width = max(len(verdict["name"]) for verdict in verdicts)
    run = [v for v in verdicts if v["outcome"] != "not applicable"]
    for group, members in groupby(run, lambda verdict: verdict["group"]):
        yield click.style(group, bold=True)
        for verdict in members:
            mark, color = MARKS[verdict["outcome"]]
            detail = verdict["detail"] if verdict["outcome"] == "close" else ""
            mark = click.style(mark, fg=color)
            yield f"  {verdict['name']:<{width}}  {mark}  {detail}".rstrip()


def _compared_with(verdicts: list[dict]) -> Iterator[str]:
    """Yields what the class was compared with."""
    names = dict.fromkeys(v["compared_with"] for v in verdicts if v["compared_with"])
    if names:
        yield click.style("compared with", bold=True)
    for name in names:
        count = sum(v["compared_with"] == name for v in verdicts)
        yield f"  {name} ({count} {'case' if count == 1 else 'cases'})"


def _left_out(verdicts: list[dict]) -> Iterator[str]:
    """Yields the checks that do not apply, by reason."""
    groups = Counter(verdict["group"] for verdict in verdicts)
    reasons = {}
    for verdict in verdicts:
        if verdict["outcome"] == "not applicable":
            reasons.setdefault(verdict["detail"], []).append(verdict)
    if reasons:
        yield click.style("not applicable", bold=True)
    for reason, members in reasons.items():
        yield from _wrap("  ", f"{reason}:")
        names = []
        for group, found in groupby(members, lambda verdict: verdict["group"]):
            found = [verdict["name"] for verdict in found]
            whole = len(found) == groups[group] > 1
            names += [f"all {len(found)} of {group}"] if whole else found
        yield from _wrap("    ", ", ".join(names))


def _failures(verdicts: list[dict], intended: str) -> Iterator[str]:
    """Yields the failures, one paragraph for each cause, and what to do next."""
    failures = [verdict for verdict in verdicts if failed(verdict)]
    for report in reports(failures):
        yield from ["", *_failure(report)]
    if any(v["outcome"] == "differs" and v["compared_with"] for v in failures):
        yield from ["", *_wrap("", intended)]


def _failure(report: Report) -> list[str]:
    """Returns the lines for failures of one cause. The first is shown in full."""
    first = report.verdicts[0]
    others = ", ".join(verdict["name"] for verdict in report.verdicts[1:])
    title = f"{first['group']}: {first['name']} {first['outcome']}"
    ruled_out = ", ".join(first["ruled_out"]) if report.code == "unexplained" else ""
    return [
        click.style(title, fg="red", bold=True),
        *_wrap("  ", first["detail"]),
        *(_wrap("  Also:  ", others) if others else ()),
        *_wrap("  Cause: ", report.cause),
        *(_wrap("  Ruled out: ", ruled_out) if ruled_out else ()),
        *(_wrap("  Fix:   ", report.fix) if report.fix else ()),
    ]


def _wrap(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        label + text, 88, subsequent_indent=" " * len(label), break_on_hyphens=False
    )


def summary(verdicts: list[dict]) -> str:
    """Returns the number of checks with each outcome."""
    counts = {}
    for verdict in verdicts:
        counts[verdict["outcome"]] = counts.get(verdict["outcome"], 0) + 1
    return ", ".join(f"{counts[o]} {o}" for o in MARKS if o in counts) + "."


def list_checks(pattern: str, quick: bool) -> list[dict]:
    """Returns the name and group of each check, and whether `--quick` runs it."""
    os.environ["KERAS_BACKEND"] = "jax"
    from .checks import select  # imports Keras

    return [
        {"name": check.name, "group": check.group, "quick": check.quick}
        for check in select(pattern, quick)
    ]


def as_list(checks: list[dict]) -> str:
    """Returns one line per check, in the form that `--only` searches."""
    return "".join(f"{check['group']}: {check['name']}\n" for check in checks)


@contextmanager
def progress_bar():
    """Shows the progress on standard error if it is a terminal.

    Yields:
        A function that takes the number of finished checks and of all checks.
    """
    shown = sys.stderr is not None and sys.stderr.isatty()

    last = None

    def show(done: int, count: int) -> None:
        nonlocal last
        if shown and count and (done, count) != last:
            last = done, count
            filled = 30 * done // count
            bar = "#" * filled + "-" * (30 - filled)
            click.echo(f"\r[{bar}] {done}/{count}", nl=False, err=True)

    try:
        yield show
    finally:
        if shown:
            click.echo("\r" + " " * 50 + "\r", nl=False, err=True)
