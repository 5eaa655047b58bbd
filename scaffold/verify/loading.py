"""Finds the class under test in a file, and all that can be known about it."""

import importlib
import importlib.util
import inspect
import os
import sys
import types
from collections.abc import Callable
from dataclasses import replace

import keras

from ..errors import SpecError
from ..header import parse_header
from ..keras_objects import LOSSES, find
from ..objective import Keyed, Objective, resolve
from ..spec import Spec
from .building import small_model
from .subject import Subject, subject_of_spec

#: How to go on where nothing says how a class is built.
BUILD_HINT = "Name a function that builds the model: --build FILE:FUNCTION."


def subject_of_file(
    path: str,
    class_name: str = "",
    loss: str | None = None,
    metrics: tuple[str, ...] = (),
    build: str = "",
) -> Subject:
    """Finds the class in a file, and all that can be known about it.

    Args:
        path: The file.
        class_name: The class; may be left out where there is only one.
        loss: The Keras name of its loss, where it does not come from `compile()`.
        metrics: The Keras names of its metrics, likewise.
        build: `FILE:FUNCTION` or `MODULE:FUNCTION` that builds the model.

    Raises:
        SpecError: If there is no such class, or more than one, if a name is unknown,
            or if nothing says how to build the class.
        Exception: What the file raises when it is imported.
    """
    module = import_file(path)
    name = class_name or _only_class(module)
    if not _is_model(getattr(module, name, None)):
        raise SpecError(f"{path} has no subclass of keras.Model named {name!r}.")

    load = _loader(path, name)

    with open(path, encoding="utf-8") as file:
        spec = parse_header(file.read())
    if spec and not (loss or metrics or build):
        return replace(subject_of_spec(spec), load=load)
    objective = _objective(loss, metrics)
    if build:
        return Subject(
            load,
            "functional",
            objective,
            build=_function(build),
            unknown="--build makes a model of its own, with nothing to compare it with",
        )
    style = _style(load())
    if not style:
        raise SpecError(f"{name}.__init__() needs arguments.", BUILD_HINT)
    return _inspected(Subject(load, style, objective), loss)


def _loader(path: str, name: str) -> Callable[[], type]:
    """Returns a function that returns the class as the file defines it.

    The file is imported again only when Keras has rewritten the bases of the class.
    """
    kept = None

    def load() -> type:
        nonlocal kept
        if kept is None or kept[0].__mro__ != kept[1]:
            cls = getattr(import_file(path), name)
            kept = cls, cls.__mro__
        return kept[0]

    return load


def import_file(path: str) -> types.ModuleType:
    """Imports a file anew, as part of its package if it is in one."""
    folder, file = os.path.split(os.path.abspath(path))
    parts = [os.path.splitext(file)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    name = ".".join(parts)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if not parts[-1].isidentifier():
        spec = importlib.util.spec_from_file_location("verified", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def _is_model(cls) -> bool:
    return inspect.isclass(cls) and issubclass(cls, keras.Model)


def _only_class(module: types.ModuleType) -> str:
    names = [
        name
        for name, cls in vars(module).items()
        if _is_model(cls) and cls.__module__ == module.__name__
    ]
    if len(names) == 1:
        return names[0]
    file = os.path.basename(module.__file__)
    if not names:
        raise SpecError(f"{file} defines no subclass of keras.Model.")
    raise SpecError(
        f"{file} defines {len(names)} models: {', '.join(names)}.",
        f"Name one: {file}:{names[0]}.",
    )


def _function(place: str) -> Callable:
    """Returns the function that `FILE:FUNCTION` or `MODULE:FUNCTION` names."""
    where, _, name = place.rpartition(":")
    if not where:
        raise SpecError(f"--build {place!r} names no function.", "Use FILE:FUNCTION.")
    module = (
        import_file(where) if where.endswith(".py") else importlib.import_module(where)
    )
    if not callable(getattr(module, name, None)):
        raise SpecError(f"{where} has no function {name!r}.")
    return getattr(module, name)


def _style(cls: type) -> str:
    """Finds out how a class is built, by its bases and its signature."""
    if issubclass(cls, keras.Sequential):
        return "sequential"
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    required = [
        p for p in parameters if p.default is p.empty and p.kind < p.VAR_POSITIONAL
    ]
    takes_graph = any(p.kind == p.VAR_POSITIONAL for p in parameters) or (
        [p.name for p in required] == ["inputs", "outputs"]
    )
    if takes_graph:
        return "functional"
    return "" if required else "subclass"


def _objective(loss: str | None, metrics: tuple[str, ...]) -> Objective:
    """Returns the objective that the command line names."""
    task = Spec().task
    if loss:
        fits = find(LOSSES, loss, "loss")[0].fits
        task = task if task in fits else next(iter(fits), task)
    return resolve(task, loss, metrics)


def _inspected(subject: Subject, loss: str | None) -> Subject:
    """Tries what the class owns: whether it trains without a loss, its metrics."""
    model, x, y = small_model(subject)
    own = [m for m in model.metrics if m.name != "loss"]
    if own and not _named(subject.objective, own):
        metrics = tuple(_as_source(metric) for metric in own)
        objective = replace(subject.objective, metrics=metrics)
        subject = replace(subject, objective=objective)
    subject = replace(subject, owns_metrics=bool(own))
    model.compile(optimizer="sgd")
    try:
        # `keras.Model` refuses to train without a loss, except on JAX: nothing moves.
        before = model.get_weights()
        model.fit(x, y, epochs=1, verbose=0)
    except Exception:
        return subject
    if all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True)):
        return subject
    subject = replace(subject, owns_loss=True)
    if loss:
        return subject
    owned = [v for v in vars(model).values() if isinstance(v, keras.losses.Loss)]
    if len(owned) != 1:
        what = "it has a loss of its own. Name it: --loss NAME."
        return replace(subject, unknown=what)
    known = _objective(type(owned[0]).__name__, ())
    own = replace(known, metrics=subject.objective.metrics)
    # The object itself: the config of a loss may lack its arguments (Keras's Huber).
    return replace(subject, objective=own, loss=owned[0])


def _named(objective: Objective, metrics) -> bool:
    return [m.alias for m in objective.metrics] == [m.name for m in metrics]


def _as_source(owned: keras.metrics.Metric) -> Keyed:
    """Writes a metric as the expression that makes another one like it."""
    config = keras.saving.serialize_keras_object(owned)
    call = f"keras.saving.deserialize_keras_object({config!r})"
    return Keyed(owned.name, call, call)
