"""Builds the models of the cases, on `keras.Model` and on a class under test alike."""

import keras

from ...objective import Objective
from ...spec import Spec
from ..class_under_test import ClassUnderTest
from .case import Case, predicting, regression


def build(case: Case, style: str, base: type):
    """Builds the case's model on a class of Keras's or a class under test.

    Args:
        case: The case.
        style: The style of the class under test; the reference is built likewise.
        base: The class to build on.

    Returns:
        A model, not compiled.
    """
    if style == "sequential":
        inputs = keras.Input(case.input_shape, dtype=case.input_dtype)
        return base([inputs, *case.layers()])
    inputs, outputs = graph(case)
    if style in ("functional", "graph") and case.mixin is None:
        return base(inputs, outputs)
    methods = (case.mixin,) if case.mixin else (Forward,)
    return type("Model", (*methods, Net, base), {})(keras.Model(inputs, outputs))


def graph(case: Case):
    """Returns the inputs and outputs of the case's layers."""
    if case.graph:
        return case.graph()
    inputs = outputs = keras.Input(case.input_shape, dtype=case.input_dtype)
    for layer in case.layers():
        outputs = layer(outputs)
    return inputs, outputs


class Net:
    """A model around a network, for classes that are subclassed."""

    def __init__(self, net):
        """Holds the network."""
        super().__init__()
        self.net = net

    def get_config(self):
        """Saves the network."""
        return {"net": keras.saving.serialize_keras_object(self.net)}

    @classmethod
    def from_config(cls, config):
        """Loads the network."""
        return cls(keras.saving.deserialize_keras_object(config["net"]))


class Forward:
    """The plain forward pass of `Net`."""

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)


def small_model(tested: ClassUnderTest):
    """Builds a model with the class under test, not compiled, and data for it.

    Returns:
        The model, `x` and `y`.
    """
    with predicting(tested.objective):
        case = Case("small", "")
        data = regression()
        return build(case, tested.style, tested.load()), data.x, data.y


def objective_of(case: Case, tested: ClassUnderTest) -> Objective:
    """Returns the objective of a case: the tested's, where their targets agree."""
    needs = "real" if case.losses else case.needs
    if needs in ("", tested.objective.targets):
        return tested.objective
    return Spec(task="multiclass" if needs == "sparse" else "regression").objective


def compile_arguments(
    case: Case, tested: ClassUnderTest, owns_loss: bool, owns_metrics: bool
) -> dict:
    """Returns what `compile()` gets of loss and metrics.

    Args:
        case: The case.
        tested: The class under test.
        owns_loss: Whether the model has its own loss.
        owns_metrics: Whether it has its own metrics.
    """
    if case.losses:
        return case.losses()
    objective = objective_of(case, tested)
    which = "weighted_metrics" if tested.weighted else "metrics"
    names = {"keras": keras}
    arguments = {}
    if not owns_loss:
        known = eval(objective.loss.argument, names)
        arguments["loss"] = known if tested.loss is None else tested.loss
    if not owns_metrics:
        arguments[which] = [eval(m.argument, names) for m in objective.metrics]
    return arguments
