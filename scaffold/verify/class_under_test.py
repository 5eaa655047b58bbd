"""The class under test: what it owns, how it is built."""

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from ..objective import Objective
from ..rendering import render
from ..spec import Spec


@dataclass(frozen=True)
class ClassUnderTest:
    """A class under test.

    Attributes:
        load: Returns the class as it is defined: Keras rewrites the bases of a class
            that was called as `cls(inputs, outputs)`, and of all that it derives from,
            so that it cannot be subclassed afterwards.
        style: How it is built: `functional`, `graph` (from inputs and outputs alone),
            `sequential`, or `subclass` (a case replaces its layers and its `call()`).
        objective: The loss and the metrics that it trains with, owned or not.
        loss: The loss object that it owns, where the objective's text cannot say it.
        owns_loss: Whether `compile()` gets no loss.
        owns_metrics: Whether `compile()` gets no metrics.
        weighted: Whether it takes sample weights.
        build: Makes a model and `(x,)` or `(x, y)` for it, in place of all that.
        unknown: Why it cannot be compared with `keras.Model`, and what to do.
    """

    load: Callable[[], type] = field(compare=False)
    style: str
    objective: Objective
    loss: object = None
    owns_loss: bool = False
    owns_metrics: bool = False
    weighted: bool = True
    build: Callable | None = None
    unknown: str = ""


def generated_class(spec: Spec) -> ClassUnderTest:
    """Returns the class that a spec generates."""
    return ClassUnderTest(
        load=lambda: execute(_compiled(spec), spec.class_name),
        style=spec.style,
        objective=spec.objective,
        owns_loss=spec.manual_loss,
        owns_metrics=spec.manual_metrics,
        weighted=spec.sample_weight,
    )


@cache
def _compiled(spec: Spec):
    [file] = render(spec)
    return compile(file.text, "<generated>", "exec")


def execute(code, class_name: str) -> type:
    """Runs the code of a module, and returns a class that it defines."""
    module = types.ModuleType("generated")
    exec(code, module.__dict__)
    return getattr(module, class_name)
