"""Finds the class under test in a file, and all that can be known about it."""

import inspect
import os
import tokenize
import types
from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from ..errors import SpecError
from ..header import parse_header
from ..keras_objects import LOSSES, find
from ..objective import Keyed, Objective, resolve
from ..recipes import example_path
from ..spec import Spec
from .build_option import BUILD_HINT, builder, example_builder
from .class_under_test import ClassUnderTest, generated_class
from .file_import import import_file
from .parity.build_model import small_model
from .verdict import describe


def find_class(
    path: str,
    class_name: str = "",
    loss: str | None = None,
    metrics: tuple[str, ...] = (),
    build: str = "",
) -> ClassUnderTest:
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
    cls = _class(module, class_name)
    load = _loader(path, cls)
    with tokenize.open(path) as file:
        header = parse_header(file.read())
    generated = header and header.spec.class_name == cls.__name__
    if generated and not (loss or metrics or build):
        tested = replace(generated_class(header.spec), load=load)
        if not os.path.exists(example_path(header.spec.recipe)):
            return tested
        return replace(
            tested,
            weighted=True,
            build=example_builder(header.spec, module, cls),
            unknown="keras.Model has no such algorithm: only the contract applies",
        )
    objective = _objective(loss, metrics)
    if build:
        return ClassUnderTest(
            load,
            "functional",
            objective,
            build=builder(build, cls),
            unknown="--build makes a model of its own, with nothing to compare it with",
        )
    style = _style(cls)
    if not style:
        raise SpecError(f"{cls.__name__}.__init__() needs arguments.", BUILD_HINT)
    try:
        return _inspected(ClassUnderTest(load, style, objective), loss)
    except Exception as error:
        raise SpecError(
            f"{cls.__name__} cannot be built from layers of a case: {describe(error)}.",
            BUILD_HINT,
        ) from error


def _loader(path: str, cls: type) -> Callable[[], type]:
    """Returns a function that returns a class as the file defines it.

    The file is imported again only when Keras has rewritten the bases of the class.
    """
    kept = cls, cls.__mro__

    def load() -> type:
        nonlocal kept
        if kept[0].__mro__ != kept[1]:
            again = getattr(import_file(path), cls.__name__)
            kept = again, again.__mro__
        return kept[0]

    return load


def _is_model(cls) -> bool:
    return inspect.isclass(cls) and issubclass(cls, keras.Model)


def _class(module: types.ModuleType, name: str) -> type:
    """Returns the model of a module that has a name, or its only one."""
    here = [
        cls
        for cls in dict.fromkeys(filter(_is_model, vars(module).values()))
        if cls.__module__ == module.__name__
    ]
    named = getattr(module, name, None) if name else None
    if _is_model(named):
        return named
    file, names = os.path.basename(module.__file__), [cls.__name__ for cls in here]
    if not here:
        raise SpecError(f"{file} defines no subclass of keras.Model.")
    if name:
        raise SpecError(
            f"{file} has no subclass of keras.Model named {name!r}.",
            f"It has {', '.join(names)}.",
        )
    if len(here) > 1:
        raise SpecError(
            f"{file} defines {len(names)} models: {', '.join(names)}.",
            f"Name one: {file}:{names[0]}.",
        )
    return here[0]


def _style(cls: type) -> str:
    """Finds out how a class is built, by its bases and its signature.

    Returns:
        A style of `ClassUnderTest`, or nothing if only its author knows.
    """
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [
        p.name for p in parameters if p.default is p.empty and p.kind not in variable
    ]
    takes_any = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    if issubclass(cls, keras.Sequential):
        layers = required == ["layers"] or [p.name for p in parameters[:1]] == [
            "layers"
        ]
        return "sequential" if layers or (takes_any and not required) else ""
    if required == ["inputs", "outputs"]:
        return "graph"
    if required:
        return ""
    return "functional" if takes_any else "subclass"


def _objective(loss: str | None, metrics: tuple[str, ...]) -> Objective:
    """Returns the objective that the command line names."""
    task = Spec().task
    if loss:
        fits = find(LOSSES, loss, "loss")[0].fits
        task = task if task in fits else next(iter(fits), task)
    return resolve(task, loss, metrics)


def _inspected(tested: ClassUnderTest, loss: str | None) -> ClassUnderTest:
    """Tries what the class owns: whether it trains without a loss, its metrics."""
    model, _, _ = small_model(tested)
    known = {entry.name for entry in LOSSES}
    owned = [v for v in vars(model).values() if isinstance(v, keras.losses.Loss)]
    owned = [v for v in owned if type(v).__name__ in known]
    if not loss and len(owned) == 1:
        objective = _objective(type(owned[0]).__name__, ())
        if owned[0].get_config().get("from_logits") is False:
            objective = replace(objective, outputs="probabilities")
        # The object itself: the config of a loss may lack its arguments, as Huber's.
        tested = replace(tested, objective=objective, loss=owned[0])
    tested = _with_metrics(tested, model)
    # Some losses have no gradient for one output: classes are tried as well.
    tried = [tested.objective]
    tried += [] if loss or tested.loss else [Spec(task="multiclass").objective]
    if not any(_trains_alone(replace(tested, objective=o)) for o in tried):
        return replace(tested, loss=None)
    tested = replace(tested, owns_loss=True)
    if not loss and not tested.loss:
        what = "it has a loss of its own, which nothing names: use --loss NAME"
        tested = replace(tested, unknown=what)
    return tested


def _trains_alone(tested: ClassUnderTest) -> bool:
    """Whether a class trains if `compile()` gets no loss."""
    model, x, y = small_model(tested)
    model.compile(optimizer="sgd")
    before = model.get_weights()
    try:
        # `keras.Model` refuses to train without a loss, except on JAX: nothing moves.
        model.fit(x, y, epochs=1, verbose=0)
    except Exception:
        return False
    return not all(map(np.array_equal, before, model.get_weights()))


def _with_metrics(tested: ClassUnderTest, model) -> ClassUnderTest:
    """Adds what a model has for metrics, beside its loss tracker."""
    own = [m for m in model.metrics if m.name != "loss"]
    if not own:
        return tested
    wrapper = keras.metrics.MeanMetricWrapper
    means = (keras.metrics.Mean, keras.metrics.Sum)
    trackers = [
        m.name for m in own if isinstance(m, means) and not isinstance(m, wrapper)
    ]
    if trackers:
        what = f"it tracks {', '.join(trackers)} by itself: only the contract applies"
        return replace(tested, owns_metrics=True, unknown=what)
    if not _named(tested.objective, own):
        metrics = tuple(_as_source(metric) for metric in own)
        tested = replace(tested, objective=replace(tested.objective, metrics=metrics))
    return replace(tested, owns_metrics=True)


def _named(objective: Objective, metrics) -> bool:
    return [m.alias for m in objective.metrics] == [m.name for m in metrics]


def _as_source(owned: keras.metrics.Metric) -> Keyed:
    """Writes a metric as the expression that makes another one like it."""
    config = keras.saving.serialize_keras_object(owned)
    call = f"keras.saving.deserialize_keras_object({config!r})"
    return Keyed(owned.name, call, call)
