"""How much rounding changes the results of a step: the control.

The port trains again from weights that differ in their last bits. What changes then,
rounding alone can change, so that much is allowed between two backends as well.
"""

from collections.abc import Iterable

import numpy as np

#: How many times the port trains again.
CONTROLS = 3

#: The size of the changes of the weights, in units of the layers' precision.
UNITS = 4

#: What two backends may differ by: this part of a value, or of the change of a weight
#: since the start, and this many times what rounding changed in the control.
RELATIVE, ROUNDING = 1e-4, 10

#: A weight is not compared if rounding decides more than this part of its change.
DECIDES = 0.2


def perturbed(model, values: list[np.ndarray], number: int) -> list[np.ndarray]:
    """Changes the last bits of weights.

    Args:
        model: The model, whose layers compute with some precision.
        values: Its weights.
        number: The number of the control.
    """
    rng = np.random.Generator(np.random.PCG64(number))
    size = UNITS * max(_epsilons(model), default=0)
    return [
        (
            (v * (1 + size * rng.uniform(-1, 1, v.shape))).astype(v.dtype)
            if v.dtype.kind == "f"
            else v
        )
        for v in values
    ]


def _epsilons(model) -> list[float]:
    """Returns the relative precisions in which the layers of a model compute."""
    epsilons = {"float16": 2**-11, "bfloat16": 2**-8, "float64": 2**-53}
    return [epsilons.get(layer.compute_dtype, 2**-24) for layer in _layers(model)]


def _layers(layer) -> list:
    """Lists a layer and the layers in it."""
    inner = getattr(layer, "layers", ())
    return [layer, *(found for part in inner for found in _layers(part))]


def spread(exact: dict, runs: Iterable[dict]) -> dict:
    """Returns the largest difference of each array between runs, in its structure."""
    largest = None
    for run in runs:
        differences = _differences(exact, run)
        largest = differences if largest is None else _largest(largest, differences)
    return largest


def allowed(scale: float, control: float | None, size: float = 0.0) -> float:
    """Returns how much two backends may differ.

    Args:
        scale: The size of the number, or of the change of a weight.
        control: How much rounding changed it.
        size: The size of the weight. Each step rounds it.
    """
    return RELATIVE * scale + ROUNDING * (control or 0.0) + 2**-20 * size


def undecided(scale: float, control: float | None) -> bool:
    """Returns whether rounding decides how a weight changes."""
    return scale > 0 and ROUNDING * (control or 0.0) > DECIDES * scale


def _differences(a, b):
    if isinstance(a, dict):
        return {key: _differences(a[key], b[key]) for key in a if key in b}
    if isinstance(a, list):
        return [_differences(x, y) for x, y in zip(a, b, strict=False)]
    if isinstance(a, np.ndarray) and a.shape == getattr(b, "shape", None):
        return difference(a, b)
    return None


def _largest(a, b):
    if isinstance(a, dict):
        return {key: _largest(a[key], b[key]) for key in a if key in b}
    if isinstance(a, list):
        return [_largest(x, y) for x, y in zip(a, b, strict=False)]
    return None if a is None or b is None else max(a, b)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the largest difference of two arrays. Two NaNs are equal."""
    if a.shape != b.shape:
        return float("inf")
    a, b = a.astype("float64"), b.astype("float64")
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0))
