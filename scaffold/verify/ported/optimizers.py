"""Pairs the optimizers of both models."""

from collections import Counter

import numpy as np


def pair_optimizers(ours: list[dict], theirs: list[dict]) -> list[tuple] | str:
    """Pairs the optimizers of the original and of the port.

    Two optimizers can be a pair if their variables have the same shapes, in the same
    order. Among several such optimizers, the ones with the closest values are a pair.

    Returns:
        A list of pairs of records, or why they cannot be paired.
    """
    if Counter(map(_signature, ours)) != Counter(map(_signature, theirs)):
        return (
            f"the original trained with {_summary(ours)}, the port with "
            f"{_summary(theirs)}"
        )
    pairs, left = [], [*theirs]
    for own in ours:
        alike = [r for r in left if _signature(r) == _signature(own)]
        closest = min(alike, key=lambda record: _distance(own, record))
        left = [record for record in left if record is not closest]
        pairs.append((own, closest))
    return pairs


def _signature(record: dict) -> tuple:
    return tuple(value.shape for value in record["variables"])


def _distance(a: dict, b: dict) -> float:
    pairs = zip(a["variables"], b["variables"], strict=True)
    return sum(float(np.abs(x.astype("float64") - y).max(initial=0)) for x, y in pairs)


def _summary(records: list[dict]) -> str:
    """Names optimizers, with the number of their variables."""
    names = [f"{r['class']} ({len(r['variables'])} variables)" for r in records]
    return " and ".join(names) or "no optimizer of the model"


def config_differences(pairs: list[tuple]) -> list[str]:
    """Returns how the settings of paired optimizers differ, as sentences."""
    found = []
    for ours, theirs in pairs:
        if ours["class"] != theirs["class"]:
            found.append(
                f"The original trains with {ours['class']}, the port with "
                f"{theirs['class']}."
            )
            continue
        for key, value in ours["config"].items():
            other = theirs["config"].get(key, value)
            if not _same(value, other):
                found.append(
                    f"{key} of {ours['class']} ({theirs['name']}) is {_short(value)} "
                    f"in the original and {_short(other)} in the port."
                )
    return found


def _same(a, b) -> bool:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return abs(a - b) <= 1e-6 * abs(a) if numbers else a == b


def _short(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:60]
