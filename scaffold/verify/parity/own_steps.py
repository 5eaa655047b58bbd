"""Finds out whether a class can be compared with itself, with Keras's own steps.

It can if its training step calls `compute_loss()`, so that both have one loss, and if
Keras's own steps train the model.
"""

import functools
import types
from functools import cache

import keras
import numpy as np

from ..class_under_test import ClassUnderTest
from ..verdict import describe
from .build_model import compile_arguments, small_model
from .case import Case
from .keras_steps import STEPS, use_keras_steps


def brings_more(cls: type) -> set[str]:
    """Returns the names of what a class overrides of `keras.Model` but its steps."""
    own = [base for base in cls.__mro__ if not base.__module__.startswith("keras.")]
    names = {name for base in own for name in vars(base) if not name.startswith("__")}
    return (names - {*STEPS}) & {*dir(keras.Model)}


def why_not_own_steps(tested: ClassUnderTest) -> str:
    """Returns why a class cannot be compared with itself, or an empty string."""
    if tested.named:
        return "--loss or --metric names what the class is compared with"
    return _why_not(tested, tested.load)


def replaceable(tested: ClassUnderTest) -> ClassUnderTest | None:
    """Returns a class to which Keras's own steps can be given, for the same models.

    It is the class under test, or `keras.Model` if the class computes its loss itself.
    """
    if not why_not_own_steps(tested):
        return tested
    if tested.build or tested.unknown:
        return None
    base = keras.Sequential if tested.style == "sequential" else keras.Model
    base = types.new_class("Base", (base,))
    return ClassUnderTest(
        lambda: base, tested.style, tested.objective, tested.loss, weighted=True
    )


@cache
def _why_not(tested: ClassUnderTest, load) -> str:
    calls = []
    model, rows = _compiled(tested)
    try:
        model.fit(**rows)  # calls compute_loss() to build the metrics
        _note_calls(model, calls)
        model.fit(**rows)
    except Exception:
        pass  # the case itself reports the error
    else:
        if not calls:
            return "the training step computes its loss without compute_loss()"
    model, rows = _compiled(tested)
    use_keras_steps(model)
    before = model.get_weights()
    try:
        model.fit(**rows)
        if len(before) != len(model.get_weights()):  # fit() has built the model
            before = model.get_weights()
            model.fit(**rows)
    except Exception as error:
        return f"Keras's own steps cannot train this model: {describe(error)}"
    if all(map(np.array_equal, before, model.get_weights())):
        return "Keras's own steps change no weight of this model"
    return ""


def _compiled(tested: ClassUnderTest) -> tuple:
    """Builds a compiled model, and returns it and the arguments of `fit()`."""
    if tested.build:
        model, data = tested.build()
    else:
        model, *data = small_model(tested)
        model.compile("sgd", **compile_arguments(Case("small model", ""), tested))
    model.run_eagerly = True  # faster, for one batch
    size = tested.batch_size
    data = keras.tree.map_structure(lambda a: a[:size], tuple(data))
    named = zip(("x", "y", "sample_weight"), data, strict=False)
    # Several steps: an optimizer may accumulate gradients, or lower its loss scale.
    return model, {**dict(named), "batch_size": size, "epochs": 5, "verbose": 0}


def _note_calls(model, calls: list) -> None:
    """Notes when a step calls `compute_loss()` of a model."""
    original = model.compute_loss

    @functools.wraps(original)
    def noted(*args, **kwargs):
        calls.append("compute_loss")
        return original(*args, **kwargs)

    object.__setattr__(model, "compute_loss", noted)
