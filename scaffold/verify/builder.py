"""What `--build` makes: checked first, so that its mistakes are not the step's."""

import importlib
import os
from collections.abc import Callable

import keras
import numpy as np

from ..errors import SpecError
from .case import BATCH
from .importing import import_file
from .verdict import describe

#: How to go on where nothing says how a class is built.
BUILD_HINT = "Name a function that builds the model: --build FILE:FUNCTION."

#: How many rows the models get: three full batches, so that there is one shape.
ROWS = 3 * BATCH


def builder(place: str, cls: type) -> Callable[[], tuple]:
    """Returns a function that makes a model and data for it.

    Args:
        place: `FILE:FUNCTION` or `MODULE:FUNCTION`.
        cls: The class that the model must be of.

    Returns:
        A function without arguments that returns `(model, data)`. The data are
        `(x,)` or `(x, y)`, structures of arrays of 48 rows.

    Raises:
        SpecError: If there is no such function, or if it fails or does not make a
            new compiled model of the class each time.
    """
    make = _function(place)
    made = []

    def build() -> tuple:
        try:
            result = make()
        except Exception as error:
            raise SpecError(f"--build {place} fails: {describe(error)}.") from error
        pair = isinstance(result, tuple) and len(result) == 2
        model, data = result if pair else (result, None)
        _check(place, model, cls)
        if made and made[0] is model:
            raise SpecError(
                f"--build {place} returns the same model again.",
                "Make a new one in each call, with the same weights for the same seed.",
            )
        made[:] = [model]
        if data is None:
            data = _random_inputs(place, model)
        data = data if isinstance(data, tuple) else (data,)
        return model, keras.tree.map_structure(_full_batches, data)

    build(), build()
    return build


def _function(place: str) -> Callable:
    where, _, name = place.rpartition(":")
    if not where:
        raise SpecError(f"--build {place!r} names no function.", "Use FILE:FUNCTION.")
    is_file = where.endswith(".py")
    if is_file and not os.path.isfile(where):
        raise SpecError(f"--build {place}: there is no file {where}.")
    try:
        module = import_file(where) if is_file else importlib.import_module(where)
    except Exception as error:
        raise SpecError(
            f"--build {place}: {where} cannot be imported: {describe(error)}."
        ) from error
    if not callable(getattr(module, name, None)):
        raise SpecError(f"--build {place}: {where} has no function {name!r}.")
    return getattr(module, name)


def _check(place: str, model, cls: type) -> None:
    """Refuses what is not a compiled model of the class."""
    if not isinstance(model, keras.Model):
        raise SpecError(
            f"--build {place} makes a {type(model).__name__}, not a keras.Model.",
            "Return a compiled model, (model, x) or (model, (x, y)).",
        )
    # By name: the file of the class may have been imported more than once.
    bases = [b for b in type(model).__mro__ if b.__module__.split(".")[0] != "keras"]
    if cls.__name__ not in [base.__name__ for base in bases]:
        raise SpecError(
            f"--build {place} makes a {type(model).__name__}, not a {cls.__name__}."
        )
    if not model.compiled:
        raise SpecError(
            f"--build {place} makes a model that is not compiled.",
            "Call its compile(), with the loss and the metrics that it trains with.",
        )


def _random_inputs(place: str, model) -> np.ndarray:
    """Makes inputs for a model that knows their shape."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or not all(shape[1:]):
        raise SpecError(
            f"--build {place} makes a model that does not say what it takes.",
            "Return data with it: (model, x) or (model, (x, y)).",
        )
    rng = np.random.default_rng(0)
    return rng.normal(size=(ROWS, *shape[1:])).astype("float32")


def _full_batches(array) -> np.ndarray:
    """Repeats or cuts an array to full batches."""
    array = np.asarray(array)
    if not array.ndim or not len(array):
        raise SpecError("--build returns data without rows.", "Return (model, (x, y)).")
    return array[np.arange(ROWS) % len(array)]
