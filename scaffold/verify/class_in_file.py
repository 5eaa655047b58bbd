"""Finds the class under test in a file."""

import inspect
import os
import tokenize
import types
from collections.abc import Callable
from dataclasses import replace

import keras

from ..errors import SpecError
from ..header import parse_header
from ..recipes import example_path
from .build_option import build_hint, example_builder, user_builder
from .class_under_test import ClassUnderTest, generated_class
from .file_import import import_file
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
        path: The file.
        class_name: The class. May be omitted if the file defines only one.
        loss: The Keras name of its loss, unless `compile()` gets the loss.
        metrics: Likewise, the Keras names of its metrics.
        build: `FILE:FUNCTION` or `MODULE:FUNCTION` that builds the model.
        batch_size: The rows of a batch of the invariants.

    Raises:
        SpecError: If there is no such class, if there are several, if a name is
            unknown, or if it is unknown how to build the class.
        Exception: What the file raises when it is imported.
    """
    module = import_file(path)
    cls = _class(module, class_name)
    load = _loader(path, cls)
    with tokenize.open(path) as file:
        header = parse_header(file.read())
    generated = header and header.spec.class_name == cls.__name__
    if generated and not (loss or metrics or build):
        tested = replace(generated_class(header.spec), load=load, batch_size=batch_size)
        if not os.path.exists(example_path(header.spec.recipe)):
            return tested
        return replace(
            tested,
            weighted=True,
            build=example_builder(header.spec, module, cls, batch_size),
            unknown="keras.Model lacks this algorithm, so only the invariants apply",
        )
    objective = named_objective(loss, metrics)
    if build:
        return ClassUnderTest(
            load,
            "functional",
            objective,
            build=user_builder(build, cls, batch_size),
            unknown="--build has no reference model, so only the invariants apply",
            batch_size=batch_size,
        )
    style = _style(cls)
    if not style:
        raise SpecError(
            f"{cls.__name__}.__init__() requires arguments.", build_hint(module, path)
        )
    try:
        tested = ClassUnderTest(load, style, objective, batch_size=batch_size)
        return add_owned_objective(tested, loss)
    except (Exception, SystemExit) as error:
        raise SpecError(
            f"{cls.__name__} cannot be built with the layers of a case: "
            f"{describe(error)}.",
            build_hint(module, path),
        ) from error


def _loader(path: str, cls: type) -> Callable[[], type]:
    """Returns a function that returns a class with its original base classes.

    It imports the file again only if Keras has rewritten the bases of the class.
    """
    loaded = cls, cls.__mro__

    def load() -> type:
        nonlocal loaded
        if loaded[0].__mro__ != loaded[1]:
            again = getattr(import_file(path), cls.__name__)
            loaded = again, again.__mro__
        return loaded[0]

    return load


def _is_model(cls) -> bool:
    return inspect.isclass(cls) and issubclass(cls, keras.Model)


def _class(module: types.ModuleType, name: str) -> type:
    """Returns the model class of a module with a name, or its only one."""
    defined = [
        cls
        for cls in dict.fromkeys(filter(_is_model, vars(module).values()))
        if cls.__module__ == module.__name__
    ]
    named = getattr(module, name, None) if name else None
    if _is_model(named):
        return named
    file, names = os.path.basename(module.__file__), [cls.__name__ for cls in defined]
    if not defined:
        raise SpecError(
            f"{file} defines no subclass of keras.Model.",
            "Name a file that defines one.",
        )
    if name:
        raise SpecError(
            f"{file} has no subclass of keras.Model named {name!r}.",
            f"It defines {', '.join(names)}.",
        )
    if len(defined) > 1:
        raise SpecError(
            f"{file} defines {len(names)} models: {', '.join(names)}.",
            f"Name one, such as {file}:{names[0]}.",
        )
    return defined[0]


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
