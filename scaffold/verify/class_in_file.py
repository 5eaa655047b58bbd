"""Finds the class under test in a file."""

import inspect
import os
import tokenize
from dataclasses import replace
from functools import partial

import keras

from ..errors import SpecError
from ..header import Header, parse_header
from ..recipes import example_path
from ..target_names import is_notebook
from .build_option import build_hint, example_builder, user_builder
from .class_under_test import ClassUnderTest, generated_class
from .file_import import import_file
from .keras_classes import restore_bases
from .module_classes import check_built, class_of_module
from .notebook import header_of
from .owned_objective import add_owned_objective, named_objective
from .parity.batches import BATCH
from .verdict import describe


def find_class(
    path: str,
    class_name: str = "",
    loss: str | None = None,
    metrics: tuple[str, ...] = (),
    build: str = "",
    batch_size: int = BATCH,
) -> ClassUnderTest:
    """Finds the class in a file, how it is built, and its loss and metrics.

    Args:
        path: The file: Python source or a notebook.
        class_name: The class. May be omitted if the file defines only one, or if the
            function of `--build` returns a model of it.
        loss: The Keras name of its loss, unless `compile()` gets the loss.
        metrics: Likewise, the Keras names of its metrics.
        build: `FILE:FUNCTION` or `MODULE:FUNCTION` that builds the model.
        batch_size: The rows of a batch of the invariants.

    Raises:
        SpecError: If there is no such class, if there are several, if a name is
            unknown, if it is unknown how to build the class, or if `build` is wrong.
        Exception: What the file raises when it is imported.
    """
    module = import_file(path)
    objective = named_objective(loss, metrics)
    if build:
        check = partial(check_built, module, class_name)
        builder = user_builder(build, module, check, batch_size)
        return ClassUnderTest(
            lambda: type(builder()[0]),  # which may be a new class in each call
            "functional",
            objective,
            build=builder,
            batch_size=batch_size,
        )
    cls = class_of_module(module, class_name)
    load = partial(restore_bases, cls)
    header = _header(path)
    generated = header and header.spec.class_name == cls.__name__
    if generated and not (loss or metrics):
        tested = replace(generated_class(header.spec), load=load, batch_size=batch_size)
        if not os.path.exists(example_path(header.spec.recipe)):
            return tested
        return replace(
            tested,
            weighted=True,
            build=example_builder(header.spec, module, cls, batch_size),
            unknown="keras.Model lacks this algorithm, so only the invariants apply",
        )
    style = _style(load())
    if not style:
        raise SpecError(
            f"{cls.__name__}.__init__() requires arguments.",
            build_hint(module, path),
            code="build-missing",
        )
    try:
        named = bool(loss or metrics)
        tested = ClassUnderTest(
            load, style, objective, batch_size=batch_size, named=named
        )
        return add_owned_objective(tested, loss)
    except (Exception, SystemExit) as error:
        raise SpecError(
            f"{cls.__name__} cannot be built with the layers of a case: "
            f"{describe(error)}.",
            build_hint(module, path),
            code="build-missing",
        ) from error


def _header(path: str) -> Header | None:
    """Returns the header of a generated file."""
    if is_notebook(path):
        header = header_of(path)
        return None if header is None else parse_header(header)
    with tokenize.open(path) as file:
        return parse_header(file.read())


def _style(cls: type) -> str:
    """Returns how a class is built, judged by its bases and its signature.

    Returns:
        A style of `ClassUnderTest`, or an empty string if it requires arguments.
    """
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [
        p.name for p in parameters if p.default is p.empty and p.kind not in variable
    ]
    takes_any = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    if issubclass(cls, keras.Sequential):
        first = [p.name for p in parameters[:1]]
        layers = required == ["layers"] or first == ["layers"]
        return "sequential" if layers or (takes_any and not required) else ""
    if required == ["inputs", "outputs"]:
        return "graph"
    if required:
        return ""
    return "functional" if takes_any else "subclass"
