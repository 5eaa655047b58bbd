"""Judges a difference by what rounding alone does to the same model and step.

Two correct ways to compute the same step round differently. Some networks inflate this:
the gradient of a bias before a normalization is nothing but rounding, and Adam makes
steps of full size out of it.
"""

from typing import NamedTuple

import numpy as np

from ..parity.control import OtherBits
from ..parity.differences import FACTOR, largest_difference


class Compared(NamedTuple):
    """A value that training gave in two ways.

    Attributes:
        name: Its name.
        key: Its name or number, which is the same for equal models.
        first: The value in the first way.
        second: The value in the second way.
        rtol: The relative difference that is always allowed.
        atol: The absolute difference that is always allowed.
    """

    name: str
    key: str | int
    first: object
    second: object
    rtol: float = 0
    atol: float = 0

    @property
    def difference(self) -> float:
        """The largest absolute difference. It is infinite if only one value is NaN."""
        values = (np.asarray(v, "float64") for v in (self.first, self.second))
        return largest_difference(*values)

    @property
    def is_close(self) -> bool:
        """Whether the values are equal within the tolerances."""
        return np.allclose(self.second, self.first, self.rtol, self.atol, True)


def beyond_rounding(
    factory, compared: list[Compared], how: str, **settings
) -> list[str]:
    """Returns the values that differ by more than rounding explains.

    Args:
        factory: The `ModelFactory`.
        compared: The values.
        how: The second way, in words.
        **settings: Attributes of the model in the second way.
    """
    apart = [value for value in compared if not value.is_close]
    allowed = {}
    for one in ({}, settings) if apart and settings else ({},) if apart else ():
        for key, difference in rounding(factory, **one).items():
            allowed[key] = max(allowed.get(key, 0), difference)
    return [
        f"{value.name} differs by up to {value.difference:.3g} {how}, where rounding "
        f"explains {allowed.get(value.key, 0):.3g}"
        for value in apart
        if not value.difference <= allowed.get(value.key, 0)
    ]


def rounding(factory, **settings) -> dict[str | int, float]:
    """Returns the differences that rounding can cause, by the keys of the values.

    It trains the same model twice in the same way. The second one starts from weights
    that differ in their last bits.
    """
    first, second = factory.model(**settings), factory.model(**settings)
    left = factory.fit(first, epochs=2)
    right = factory.fit(second, epochs=2, callbacks=[OtherBits()])
    found = [Compared(name, name, left[name][-1], right[name][-1]) for name in left]
    found += compared_variables(first, second)
    return {value.key: FACTOR * value.difference for value in found}


def compared_variables(first, second, rtol: float = 0, atol: float = 0) -> list:
    """Pairs the variables of two equal models, and of their optimizers."""
    pairs = zip(_variables(first), _variables(second), strict=True)
    return [
        Compared(a.path, key, np.array(a), np.array(b), rtol, atol)
        for key, (a, b) in enumerate(pairs)
    ]


def keys_of(model) -> dict[int, int]:
    """Maps the ids of the variables of a model to their keys."""
    return {id(variable): key for key, variable in enumerate(_variables(model))}


def _variables(model) -> list:
    found = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [*{id(variable): variable for variable in found}.values()]
