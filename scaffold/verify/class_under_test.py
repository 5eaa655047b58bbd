"""The class under test: how it is built, and which loss and metrics it owns."""

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from ..objective import Objective
from ..rendering import render
from ..spec import Spec
from .parity.batches import BATCH

#: Why weighted checks do not apply to a class.
NO_WEIGHTS = "the class does not take sample weights (--sample-weight adds them)"


@dataclass(frozen=True)
class ClassUnderTest:
    """A class under test.

    Attributes:
        load: Returns the class with its original base classes. Keras rewrites the
            bases of a class that is called as `cls(inputs, outputs)`, so it cannot be
            subclassed afterwards. With `build` by the user, it is the class of a new
            model, as the function leaves it.
        style: How it is built: `functional`, `graph` (only from inputs and outputs),
            `sequential`, or `subclass` (a case replaces its layers and its `call()`).
        objective: The loss and the metrics that it trains with, owned or compiled.
        loss: The loss object that it owns, if the objective cannot describe it.
        owns_loss: Whether `compile()` gets no loss.
        owns_metrics: Whether `compile()` gets no metrics.
        weighted: Whether it takes sample weights.
        build: Makes a model and its data, `(x,)`, `(x, y)` or `(x, y, weights)`. The
            other attributes are then unused.
        unknown: Why it cannot be compared with `keras.Model`.
        named: Whether the command line names the loss or the metrics.
        batch_size: The rows of a batch of the invariants.
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
    named: bool = False
    batch_size: int = BATCH


def generated_class(spec: Spec) -> ClassUnderTest:
    """Returns the class that is generated for a spec."""
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
    """Runs the code of a module, and returns one of its classes."""
    module = types.ModuleType("generated")
    exec(code, module.__dict__)
    return getattr(module, class_name)
