"""Builds the models of `--build`, and checks them before their steps are tested."""

import os
import types
from collections.abc import Callable
from functools import partial

import keras
import numpy as np

from ..errors import SpecError
from ..recipes import example_path
from ..spec import Spec
from .build_function import find_function, functions_of
from .file_import import import_alone
from .keras_classes import is_of_keras
from .verdict import describe

#: The number of batches of the data. They are full, so that all have one shape.
BATCHES = 3

RESULT = "a compiled model, (model, x) or (model, (x, y))"


def build_hint(module: types.ModuleType, path: str) -> str:
    """Returns how to name a function that builds a model of a file."""
    builders = [n for n in functions_of(module) if n.startswith(("build", "make"))]
    if "build_model" in builders or len(builders) == 1:
        name = "build_model" if "build_model" in builders else builders[0]
        return f"Name its function: --build {os.path.relpath(path)}:{name}."
    return f"Name a function that returns {RESULT}: --build FILE:FUNCTION."


def user_builder(
    place: str, module: types.ModuleType, check: Callable, batch_size: int
) -> Callable[[], tuple]:
    """Returns a checked builder that calls the user's function.

    Args:
        place: `FILE:FUNCTION` or `MODULE:FUNCTION`.
        module: The file under test. It is not imported again if it has the function.
        check: Raises an error if the class of the model is not the class under test.
        batch_size: The rows of a batch.

    Raises:
        SpecError: If the function does not exist, or for the reasons of `checked()`.
    """
    return checked(f"--build {place}", find_function(place, module), check, batch_size)


def example_builder(
    spec: Spec, module: types.ModuleType, cls: type, batch_size: int
) -> Callable:
    """Returns a checked builder for a generated file, with its recipe's data.

    Args:
        spec: The options of the file.
        module: The file. Its function `build_model()` builds the model.
        cls: The class in it.
        batch_size: The rows of a batch.

    Raises:
        SpecError: If that function is missing, or for the reasons of `checked()`.
    """
    file = os.path.basename(module.__file__)
    if not callable(getattr(module, "build_model", None)):
        raise SpecError(
            f"{file} has no function build_model().",
            build_hint(module, file),
            code="build-missing",
        )
    example = import_alone(example_path(spec.recipe))
    make = lambda: (module.build_model(), example.data(spec))  # noqa: E731
    check = partial(check_name, cls)
    return checked(f"build_model() of {file}", make, check, batch_size)


def check_name(cls: type, what: str, built: type) -> None:
    """Checks by its name that the class of a model is a class or extends it.

    By name, because the file may have been imported more than once.

    Raises:
        SpecError: If it is another class.
    """
    bases = [base.__name__ for base in built.__mro__ if not is_of_keras(base)]
    if cls.__name__ not in bases:
        raise SpecError(
            f"{what} returns a {built.__name__}, not a {cls.__name__}.",
            f"Return {RESULT} of the class under test.",
            code="build-invalid",
        )


def checked(
    what: str, make: Callable, check: Callable, batch_size: int
) -> Callable[[], tuple]:
    """Returns a function that makes a model and its data, and checks both.

    Args:
        what: The name of `make` in error messages.
        make: Returns a model, or a model and its data.
        check: Called with `what` and the class of the model. It raises an error if
            that is not the class under test.
        batch_size: The rows of a batch.

    Returns:
        A function without arguments that returns `(model, data)`. The data are `(x,)`,
        `(x, y)` or `(x, y, weights)`, structures of arrays of three batches.

    Raises:
        SpecError: If `make` fails, or does not return a new compiled model of the class
            in each call.
    """
    last, rows = [], BATCHES * batch_size

    def build() -> tuple:
        try:
            result = make()
        except (Exception, SystemExit) as error:
            raise SpecError(
                f"{what} fails: {describe(error)}.",
                "Call the function in Python to see the whole traceback.",
                code="build-invalid",
            ) from error
        pair = isinstance(result, tuple) and len(result) == 2
        model, data = result if pair else (result, None)
        _check(what, model, check)
        if last and last[0] is model:
            raise SpecError(
                f"{what} returns the same model twice.",
                "Return a new model in each call, with equal weights for equal seeds.",
                code="build-invalid",
            )
        last[:] = [model]
        if data is None:
            data = _random_inputs(what, model, rows)
        data = data if isinstance(data, tuple) else (data,)
        return model, keras.tree.map_structure(lambda a: _resized(a, rows), data)

    build(), build()
    return build


def _check(what: str, model, check: Callable) -> None:
    """Raises an error unless the model is a compiled model of the class."""
    if not isinstance(model, keras.Model):
        raise SpecError(
            f"{what} returns a {type(model).__name__}, not a keras.Model.",
            f"Return {RESULT}.",
            code="build-invalid",
        )
    check(what, type(model))
    if not model.compiled:
        raise SpecError(
            f"{what} returns a model that is not compiled.",
            "Call its compile() with the loss and the metrics that it trains with.",
            code="build-invalid",
        )


def _random_inputs(what: str, model, rows: int) -> np.ndarray:
    """Makes random inputs for a model with a known input shape."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or not all(shape[1:]):
        raise SpecError(
            f"{what} returns a model whose input shape is unknown.",
            "Return its data as well: (model, x) or (model, (x, y)).",
            code="build-invalid",
        )
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, *shape[1:])).astype("float32")


def _resized(array, rows: int) -> np.ndarray:
    """Repeats or cuts the rows of an array to a number of rows."""
    array = np.asarray(array)
    if not array.ndim or not len(array):
        raise SpecError(
            "--build returns data without rows.",
            "Return arrays with a batch dimension: (model, (x, y)).",
            code="build-invalid",
        )
    return array[np.arange(rows) % len(array)]
