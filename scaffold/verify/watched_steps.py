"""Watches the steps of the class under test: what they create, draw and return.

A step fails where it does what Keras can never use. Otherwise, Keras would fail later,
with an error that says nothing about the step.
"""

import functools
import inspect
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MethodType

import keras
import numpy as np

from .class_under_test import ClassUnderTest
from .step_results import PARTS, result_problem
from .user_lines import Line, call_line, class_line
from .verdict import StepError

RANDOM = "random numbers from"

#: Calls that cause an error, by what its text says. The traceback does not have them.
CALLS = {
    "BatchTracer": r"\bvmap$",
    RANDOM: r"(np|numpy)\.random\.|(?<![\w.])random\.",
}

#: The class and the name of the step that ran last.
_last: tuple[type, str] | None = None

#: The class under test.
_built: type | None = None


@functools.cache
def _watched_functions(load: Callable, build: Callable | None) -> tuple:
    """Returns the functions that load the class and build models, once for each."""
    return (
        lambda: _watch(load()),
        build and (lambda: _watch_model(build())),
    )


def watched(tested: ClassUnderTest) -> ClassUnderTest:
    """Returns a class under test whose steps check their results."""
    global _last, _built
    _last = _built = None
    load, build = _watched_functions(tested.load, tested.build)
    return replace(tested, load=load, build=build)


def definition(error: str) -> Line | None:
    """Returns the line to name if no code of the user was running.

    It is where a method starts: the one that the error names, or the step that ran
    last. If that is Keras's, or if the error is about saving, it is the class.

    Args:
        error: The text of an error.
    """
    cls, name = _last or (_built, "")
    for sign, call in CALLS.items():
        if cls and sign in error and (line := call_line(cls, call)):
            return line
    if named := cls and re.search(rf"\b{cls.__name__}\.(\w+)\(\)", error):
        name = named[1]
    elif re.search("get_config|from_config|deseriali", error):
        name = ""
    method = inspect.unwrap(getattr(cls, name, None))
    code = getattr(method, "__code__", None)
    if code and method.__module__.split(".")[0] != "keras":
        return Line(code.co_filename, code.co_firstlineno, name)
    return class_line(cls) if cls else None


def _watch_model(built: tuple) -> tuple:
    """Watches the steps of a model, those of Keras as well: its call() may be wrong."""
    model = built[0]
    cls = _watch(type(model))
    for name in PARTS:
        if not hasattr(getattr(cls, name), "watched"):
            step = MethodType(_checked(getattr(cls, name), name), model)
            object.__setattr__(model, name, step)
    return built


def _watch(cls: type) -> type:
    """Makes the steps of a class check their results. Keras's own need no check."""
    global _built
    _built = cls
    for name in PARTS:
        step = getattr(cls, name)
        if step is not getattr(keras.Model, name) and not hasattr(step, "watched"):
            setattr(cls, name, _checked(step, name))
    return cls


def _checked(step: Callable, name: str) -> Callable:
    """Returns a step that checks its result."""

    @functools.wraps(step)
    def checked(self, *arguments, **named):
        global _last
        _last = type(self), name
        before = _generators()
        with _no_new_variables(name):
            result = step(self, *arguments, **named)
        if not self.run_eagerly and _generators() != before:
            # Layers of Keras may draw as well, such as AugMix.
            if call_line(type(self), CALLS[RANDOM]):
                raise StepError(f"{name}() draws {RANDOM} NumPy or Python")
        if arguments and (problem := result_problem(name, arguments[0], result)):
            raise StepError(f"{name}() returns {problem}")
        return result

    checked.watched = True
    return checked


def _generators() -> tuple:
    """Returns the state of the generators of NumPy and Python.

    A compiled step draws from them once, so that their numbers are constants.
    """
    _, keys, *rest = np.random.get_state()
    return keys.tobytes(), rest, random.getstate()


@contextmanager
def _no_new_variables(step: str) -> Iterator[None]:
    """Raises an error when a step creates a variable that is trained.

    Such a variable is created again whenever the step is compiled, is not in the state,
    and may be left with a traced value.
    """
    before = vars(keras.Variable).get("__init__")
    create = keras.Variable.__init__

    def forbid(self, *arguments, **named):
        create(self, *arguments, **named)
        if self.trainable:
            raise StepError(f"{step}() creates the variable {self.path}")

    keras.Variable.__init__ = forbid
    try:
        yield
    finally:
        if before:
            keras.Variable.__init__ = before
        else:
            del keras.Variable.__init__
