"""What a parity case is: one named piece of data."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from ...objective import Objective
from ...spec import Spec

ROWS, FEATURES, BATCH = 50, 8, 16  # 50 rows in batches of 16: the last has 2


@dataclass(frozen=True)
class Batch:
    """Data for `fit()` and `evaluate()`: arrays, structures of arrays, or `None`."""

    x: object
    y: object = None
    sample_weight: object = None


def plain_layers():
    """Makes a small network, with nothing special."""
    return [keras.layers.Dense(6, activation="tanh"), head()]


@dataclass(frozen=True)
class Case:
    """One feature of Keras, as a model, a `compile()` call, a `fit()` call and data.

    Attributes:
        name: What the case is about.
        group: The part of Keras that it belongs to.
        layers: Makes the layers of a sequential model.
        graph: Makes `(inputs, outputs)`, where layers in a row do not do.
        mixin: A class with methods for the model; its layers are `self.net`.
        compile: Makes the arguments of `compile()` but for the loss and metrics.
        losses: Makes loss and metrics for `compile()`; `None` for those of the task.
        data: Makes the data.
        fit: Makes further arguments of `fit()`, or replaces the data by `x`.
        train: Trains in place of `fit()`, and returns what is to be compared.
        after: Is called with the model between `fit()` and `evaluate()`.
        evaluate: Whether `evaluate()` and `predict()` get the data after training.
        policy: The dtype policy of the layers.
        distribution: Makes a `keras.distribution` for the test.
        weighted: Whether weights reach the model.
        needs: The kind of targets that it has, or nothing for those of the loss.
        owned: Whether a loss and a metric that the class owns can serve the case.
        draws: Whether the order of the batches depends on how many were drawn.
        input_shape: The shape of a sample, without the batch.
        input_dtype: The dtype of the inputs.
        cause: What is usually wrong with a class that differs here.
        fix: What to do about it.
        quick: Whether it is one of those that catch most mistakes.
    """

    name: str
    group: str
    layers: Callable = plain_layers
    graph: Callable | None = None
    mixin: type | None = None
    compile: Callable = dict
    losses: Callable | None = None
    data: Callable = lambda: regression()
    fit: Callable = dict
    train: Callable | None = None
    after: Callable = lambda model: None
    evaluate: bool = True
    policy: str = "float32"
    distribution: Callable | None = None
    weighted: bool = False
    needs: str = ""
    owned: bool = True
    draws: bool = False
    input_shape: tuple = (FEATURES,)
    input_dtype: str = "float32"
    cause: str = ""
    fix: str = ""
    quick: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing but the loss of `compile()` is in its loss."""
        return self.layers is plain_layers and not self.graph and not self.mixin


def regression(weighted=False, targets=None, seed=7) -> Batch:
    """Makes rows whose targets depend on the features, the last two far off.

    Args:
        weighted: Whether to make weights, too.
        targets: How many real numbers to predict; `None` for what the loss needs.
        seed: Of the random numbers.
    """
    kind, width = ("real", targets) if targets else (_goal.targets, _goal.width)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, FEATURES)).astype("float32")
    y = (x @ rng.normal(size=(FEATURES, width))).astype("float32")
    y[-2:] += 5  # so that the small last batch differs from the others
    weight = rng.uniform(0.2, 2.0, size=ROWS).astype("float32")
    return Batch(x, TARGETS[kind](y), weight if weighted else None)


def _softmax(y):
    """Makes each row a distribution."""
    exp = np.exp(y - y.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


#: How each kind of targets is made from real numbers.
TARGETS = {
    "real": lambda y: y,
    "vector": lambda y: y,
    "positive": lambda y: np.log1p(np.exp(y)),
    "distribution": _softmax,
    "binary": lambda y: (y > 0).astype("float32"),
    "sparse": lambda y: y.argmax(axis=-1).astype("int32"),
    "one_hot": lambda y: np.eye(y.shape[-1], dtype="float32")[y.argmax(axis=-1)],
}

#: What the models now predict.
_goal = Spec().objective


@contextmanager
def predicting(objective: Objective):
    """Makes targets and heads for the loss of an objective."""
    global _goal
    before, _goal = _goal, objective
    try:
        yield
    finally:
        _goal = before


def head(**arguments):
    """Makes the last layer of a model, with the outputs that the loss needs."""
    activation = eval(_goal.activation or "None", {"keras": keras})
    return keras.layers.Dense(_goal.width, activation=activation, **arguments)
