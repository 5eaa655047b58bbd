"""Compares the numbers of two implementations, and locates the first change."""

from typing import NamedTuple

import numpy as np

from ..causes import Explanation, of_change
from ..parity.differences import ATOL, RTOL, largest_difference
from .differences import as_float, excess
from .numbers import DATA, TRACE, TRAINABLE, Numbers, equal

#: Parts that come after training.
EVALUATED = ("evaluate", "evaluate_list", "predict", "weights_after")

#: A relative change of the first logs that no rounding causes.
HOPELESS = 0.05

#: Parts that are the variables after training, with the noun for one of them.
VARIABLES = {"weights": "variable", "optimizer": "optimizer variable"}


class Change(NamedTuple):
    """One value that differs.

    Attributes:
        key: Its path, such as `steps/0/loss`.
        text: How it differs.
        size: The largest difference. 0 if the values have no common shape.
        close: Whether rounding explains it.
    """

    key: str
    text: str
    size: float = 0.0
    close: bool = False

    @property
    def part(self) -> str:
        """The first part of the path."""
        return self.key.split("/")[0]


class Comparison(NamedTuple):
    """The result of a comparison.

    Attributes:
        outcome: `exact`, `close` or `differs`.
        detail: What differs, and where first.
        explanation: What follows about the cause, if something differs.
        unsure: Whether rounding could explain it, so that a control is needed.
    """

    outcome: str
    detail: str = ""
    explanation: Explanation | None = None
    unsure: bool = False


def compare(
    old: Numbers, new: Numbers, noise: dict[str, float], label: str
) -> Comparison:
    """Compares two implementations in one case.

    Args:
        old: The numbers of the reference.
        new: The numbers of the class under test.
        noise: How far rounding may change values, by key, beyond the tolerance.
        label: The name of the reference in texts.
    """
    started = _start(old, new, label)
    if started:
        return started
    changes = _changes(old, new, noise, label)
    large = [change for change in changes if not change.close]
    if not changes:
        return Comparison("exact")
    if not large:
        most = max(changes, key=lambda change: change.size)
        return Comparison("close", f"{_named(most.key, old, new)}: {most.text}")
    detail, explanation = _located(old, new, large)
    return Comparison("differs", detail, explanation, _unsure(old, large))


def _unsure(old: Numbers, changes: list[Change]) -> bool:
    """Returns whether rounding could explain changes: the first step shows none."""
    for change in changes:
        first = change.key.startswith("steps/0/")
        scale = np.abs(as_float(old.values[change.key])).max() if first else 0.0
        if not change.size or (first and change.size > HOPELESS * scale):
            return False
    return True


def _start(old: Numbers, new: Numbers, label: str) -> Comparison | None:
    """Returns what differs before the first step."""
    a, b = (n.values.get(DATA, np.array(0)) for n in (old, new))
    if not equal(a, b):
        return Comparison(
            "differs",
            f"The data differ from the data of {label}.",
            of_change("data"),
        )
    a, b = (n.values.get(TRACE) for n in (old, new))
    if a is None or b is None or a.shape[1:] != b.shape[1:]:
        return None
    changed = np.flatnonzero(~_near(a[0], b[0]))
    if not changed.size:
        return None
    names = [_named(f"weights/{n}", old, new) for n in changed[:3]]
    return Comparison(
        "differs",
        f"The initial values of {', '.join(names)} differ from {label}.",
        of_change("start"),
    )


def _changes(
    old: Numbers, new: Numbers, noise: dict[str, float], label: str
) -> list[Change]:
    """Lists the values that differ, in order."""
    found = []
    order = dict.fromkeys([*old.values, *new.values])
    for key in [k for k in order if k not in (TRACE, TRAINABLE, DATA)]:
        a, b = old.values.get(key), new.values.get(key)
        if b is None or a is None:
            found.append(Change(key, f"only in {label}" if b is None else "only here"))
        elif a.shape != b.shape or a.dtype != b.dtype:
            text = f"{_kind(a)} in {label}, {_kind(b)} here"
            found.append(Change(key, text))
        elif not equal(a, b):
            found.append(_change(key, a, b, noise.get(key, 0.0), label))
    logs = [_in_order(numbers, "history/") for numbers in (old, new)]
    if not found and logs[0] != logs[1]:
        text = f"{', '.join(logs[0])} in {label}, {', '.join(logs[1])} here"
        found.append(Change("order of the logs", text))
    return found


def _change(key: str, a, b, noise: float, label: str) -> Change:
    """Describes how two arrays of one shape differ."""
    size = largest_difference(as_float(a), as_float(b))
    text = f"differs by up to {size:.2g}"
    if not a.ndim:
        digits = next(n for n in (6, 9, 17) if f"{a:.{n}g}" != f"{b:.{n}g}" or n == 17)
        text = f"{a:.{digits}g} in {label}, {b:.{digits}g} here"
    return Change(key, text, size, excess(a, b) <= noise)


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype.name}{list(array.shape)}" if array.ndim else array.dtype.name


def _in_order(numbers: Numbers, prefix: str) -> list[str]:
    """Lists the names of the logs in order."""
    keys = [key for key in numbers.values if key.startswith(prefix)]
    return [*dict.fromkeys(key.split("/")[1] for key in keys)]


def _near(a, b) -> np.ndarray:
    """Returns where two arrays are close."""
    return np.isclose(as_float(b), as_float(a), RTOL, ATOL, equal_nan=True)


def _named(key: str, old: Numbers, new: Numbers) -> str:
    """Returns the name of a value: the path of a variable instead of its number."""
    after, before = new.names.get(key), old.names.get(key)
    if after is None and before is None:
        return key
    noun = VARIABLES.get(key.split("/")[0], "variable")
    if before is None or after is None or before == after:
        return f"{noun} {after or before}"
    return f"{noun} {after} ({before} before)"


def _located(
    old: Numbers, new: Numbers, changes: list[Change]
) -> tuple[str, Explanation]:
    """Describes changes from the first step on, and what follows about the cause."""
    by_part = {}
    for change in changes:
        by_part.setdefault(change.part, []).append(change)
    texts = []
    reported = min(
        (int(c.key.split("/")[1]) for c in by_part.get("steps", ())), default=None
    )
    step, number = _first_variable(old, new, by_part.get("weights", ()))
    if reported is not None:
        logs = [c for c in by_part["steps"] if c.key.startswith(f"steps/{reported}/")]
        shown = "; ".join(f"{c.key.split('/', 2)[2]} {c.text}" for c in logs[:3])
        texts.append(f"First in the logs of step {reported + 1}: {shown}")
    if step is not None:
        name = _named(f"weights/{number}", old, new)
        texts.append(f"First variable: {name} after step {step}")
    for part in [p for p in by_part if p != "steps"]:
        most = max(by_part[part], key=lambda change: change.size)
        texts.append(f"{_named(most.key, old, new)}: {most.text}")
    return "; ".join(texts[:5]) + ".", _cause(old, changes, reported, step, number)


def _first_variable(old, new, changes) -> tuple[int | None, int | None]:
    """Returns the first step after which a changed variable differs, and its number."""
    a, b = (numbers.values.get(TRACE) for numbers in (old, new))
    if a is None or b is None or a.shape != b.shape:
        return None, None
    numbers = [int(c.key.split("/")[1]) for c in changes if c.size]
    numbers = [n for n in numbers if n < a.shape[1]]
    differ = ~_near(a[:, numbers], b[:, numbers])
    if not differ.any():
        return None, None
    step = int(differ.any(axis=1).argmax())
    return step, numbers[int(differ[step].argmax())]


def _cause(old: Numbers, changes, reported, step, number) -> Explanation:
    """Returns what follows from the place of the first change."""
    keys = {change.key for change in changes}
    if any(c.key.startswith("weights/") and not c.size for c in changes):
        return of_change("variables")
    if step is not None:
        if f"steps/{step - 1}/loss" in keys or (reported or step) < step - 1:
            return of_change("loss", step)
        return of_change("gradient" if old.values[TRAINABLE][number] else "state", step)
    if f"steps/{reported}/loss" in keys and any(c.part == "optimizer" for c in changes):
        return of_change("loss", reported + 1)
    if any(change.part in (*VARIABLES, "trained") for change in changes):
        return of_change("training")
    if all(c.part in EVALUATED or "/val_" in c.key for c in changes):
        return of_change("evaluation")
    return of_change("reports")
