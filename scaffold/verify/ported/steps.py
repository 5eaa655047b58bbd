"""Compares the records of a step."""

from dataclasses import dataclass

import numpy as np

from .tolerance import allowed, difference, undecided


@dataclass(frozen=True)
class Compared:
    """A number or a weight of both sides, after a step.

    Attributes:
        step: The number of the step, from 1.
        kind: `log`, `metric`, `weight`, `optimizer` or `result`.
        name: Its name, or its path in the port.
        original: Its value in the original, or the change of a weight.
        port: Likewise, in the port.
        limit: How much they may differ.
        undecided: Whether it is not compared, because rounding decides it.
        attribute: The attribute of the model that holds a weight.
    """

    step: int
    kind: str
    name: str
    original: np.ndarray
    port: np.ndarray
    limit: float
    undecided: bool = False
    attribute: str = ""

    @property
    def apart(self) -> float:
        """How much they differ."""
        return difference(self.original, self.port)

    @property
    def differs(self) -> bool:
        """Whether they differ by more than is allowed."""
        return not self.undecided and self.apart > self.limit


def compare_step(number: int, port: dict, original: dict, control: dict, start) -> list:
    """Compares a step of both sides.

    Args:
        number: The number of the step, from 1.
        port: The record of the step in the port.
        original: Likewise, of the original.
        control: How much rounding changes the record.
        start: The entries and the values of the weights at the start.

    Returns:
        A list of `Compared`: the logs, then the metrics, then the weights.
    """
    found = []
    for kind, part in ("log", "logs"), ("metric", "metrics"):
        found += compare_numbers(
            number, kind, port[part], original[part], control[part]
        )
    sides = zip(original["changes"], port["changes"], control["changes"], strict=True)
    for (attribute, path, _), value, (ours, theirs, rounding) in zip(
        *start, sides, strict=True
    ):
        scale = _size(ours)
        limit = allowed(scale, rounding, _size(value))
        open_ = undecided(max(scale, _size(theirs)), rounding)
        found.append(
            Compared(number, "weight", path, ours, theirs, limit, open_, attribute)
        )
    return found


def compare_numbers(
    number: int, kind: str, port: dict, original: dict, control: dict
) -> list[Compared]:
    """Compares the numbers of both sides that have the same names."""
    return [
        Compared(
            number,
            kind,
            name,
            original[name],
            value,
            allowed(_size(original[name]), control.get(name)) + 1e-7,
        )
        for name, value in port.items()
        if name in original
    ]


def compare_optimizers(number: int, pairs: list, control: dict) -> list[Compared]:
    """Compares the variables of paired optimizers.

    Args:
        number: The number of the last step.
        pairs: Pairs of an original's and a port's record.
        control: Maps the name of a port's optimizer to what rounding changes in it.
    """
    found = []
    for ours, theirs in pairs:
        rounding = control.get(theirs["name"]) or [None] * len(theirs["variables"])
        for path, a, b, spread in zip(
            theirs["paths"],
            ours["variables"],
            theirs["variables"],
            rounding,
            strict=True,
        ):
            limit = allowed(_size(a), spread) + 1e-12
            open_ = undecided(_size(a), spread)
            found.append(Compared(number, "optimizer", path, a, b, limit, open_))
    return found


def _size(value: np.ndarray) -> float:
    """Returns the largest absolute value of an array."""
    finite = np.nan_to_num(np.abs(value.astype("float64")), posinf=0.0)
    return float(finite.max(initial=0))
