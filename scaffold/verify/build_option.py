"""What `--build` makes: checked first, so that its mistakes are not the step's."""

import importlib
import os
import types
from collections.abc import Callable

import keras
import numpy as np

from ..errors import SpecError
from ..recipes import example_path
from ..spec import Spec
from .file_import import import_alone, import_file
from .parity.case import BATCH
from .verdict import describe

#: How to go on where nothing says how a class is built.
BUILD_HINT = "Name a function that builds the model: --build FILE:FUNCTION."

#: How many rows the models get: three full batches, so that there is one shape.
ROWS = 3 * BATCH


def builder(place: str, cls: type) -> Callable[[], tuple]:
    """Returns a function that makes a model and data for it, by one of the user's.

    Args:
        place: `FILE:FUNCTION` or `MODULE:FUNCTION`.
        cls: The class that the model must be of.

    Raises:
        SpecError: If there is no such function, or as `checked()`.
    """
    return checked(f"--build {place}", _function(place), cls)


def example_builder(spec: Spec, module: types.ModuleType, cls: type) -> Callable:
    """Returns the builder of a generated file, with the data of its recipe's example.

    Args:
        spec: The options of the file.
        module: The file; its function `build_model()` makes the model.
        cls: The class in it.

    Raises:
        SpecError: If that function is gone, or as `checked()`.
    """
    if not callable(getattr(module, "build_model", None)):
        raise SpecError("There is no build_model() that builds the model.", BUILD_HINT)
    example = import_alone(example_path(spec.recipe))
    make = lambda: (module.build_model(), example.data(spec))  # noqa: E731
    return checked("build_model()", make, cls)


def checked(what: str, make: Callable, cls: type) -> Callable[[], tuple]:
    """Returns a function that makes a model and data for it, and checks both.

    Args:
        what: What to call `make` in an error.
        make: Returns a model, or a model and its data.
        cls: The class that the model must be of.

    Returns:
        A function without arguments that returns `(model, data)`. The data are
        `(x,)` or `(x, y)`, structures of arrays of 48 rows.

    Raises:
        SpecError: If it fails or does not make a new compiled model of the class each
            time.
    """
    made = []

    def build() -> tuple:
        try:
            result = make()
        except Exception as error:
            raise SpecError(f"{what} fails: {describe(error)}.") from error
        pair = isinstance(result, tuple) and len(result) == 2
        model, data = result if pair else (result, None)
        _check(what, model, cls)
        if made and made[0] is model:
            raise SpecError(
                f"{what} returns the same model again.",
                "Make a new one in each call, with the same weights for the same seed.",
            )
        made[:] = [model]
        if data is None:
            data = _random_inputs(what, model)
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


def _check(what: str, model, cls: type) -> None:
    """Refuses what is not a compiled model of the class."""
    if not isinstance(model, keras.Model):
        raise SpecError(
            f"{what} makes a {type(model).__name__}, not a keras.Model.",
            "Return a compiled model, (model, x) or (model, (x, y)).",
        )
    # By name: the file of the class may have been imported more than once.
    bases = [b for b in type(model).__mro__ if b.__module__.split(".")[0] != "keras"]
    if cls.__name__ not in [base.__name__ for base in bases]:
        raise SpecError(f"{what} makes a {type(model).__name__}, not a {cls.__name__}.")
    if not model.compiled:
        raise SpecError(
            f"{what} makes a model that is not compiled.",
            "Call its compile(), with the loss and the metrics that it trains with.",
        )


def _random_inputs(what: str, model) -> np.ndarray:
    """Makes inputs for a model that knows their shape."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or not all(shape[1:]):
        raise SpecError(
            f"{what} makes a model that does not say what it takes.",
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
