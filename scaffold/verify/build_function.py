"""Finds the function that `--build` names."""

import contextlib
import importlib
import os
import types
from collections.abc import Callable

from ..errors import SpecError
from ..target_names import is_notebook
from .file_import import import_file
from .verdict import describe


def find_function(place: str, module: types.ModuleType | None = None) -> Callable:
    """Finds the function that `--build` names, and imports its file.

    Args:
        place: `FILE:FUNCTION` or `MODULE:FUNCTION`.
        module: A file that is imported already.

    Raises:
        SpecError: If the function does not exist, or if its file cannot be imported.
    """
    where, _, name = place.rpartition(":")
    if not where:
        raise SpecError(
            f"--build {place!r} names no function.",
            "Use FILE:FUNCTION.",
            code="build-invalid",
        )
    is_file = where.endswith((".py", ".ipynb"))
    if is_file and not os.path.isfile(where):
        raise SpecError(
            f"--build {place}: the file {where} does not exist.",
            "Check the path. It is relative to the current folder.",
            code="build-invalid",
        )
    try:
        if not is_file:
            module = importlib.import_module(where)
        elif module is None or not os.path.samefile(where, module.__file__):
            module = import_file(where)
    except (Exception, SystemExit) as error:
        raise SpecError(
            f"--build {place}: importing {where} raises {describe(error)}.",
            "Name a file, FILE.py:FUNCTION, or a module that Python can import.",
            code="build-invalid",
        ) from error
    if not callable(getattr(module, name, None)):
        names = ", ".join(functions_of(module)) or "no functions"
        raise SpecError(
            f"--build {place}: {where} has no function {name!r}.",
            f"It has {names}.",
            code="build-invalid",
        )
    function = getattr(module, name)
    return _in_folder(function, where) if is_notebook(where) else function


def _in_folder(function: Callable, path: str) -> Callable:
    """Returns a function that runs in the folder of a file, as a notebook does."""
    folder = os.path.dirname(os.path.abspath(path))

    def call():
        with contextlib.chdir(folder):
            return function()

    return call


def functions_of(module: types.ModuleType) -> list[str]:
    """Returns the names of the functions that a module defines."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, types.FunctionType) and value.__module__ == module.__name__
    ]
