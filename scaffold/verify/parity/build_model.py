"""Builds the model of a case, on `keras.Model` and on a class under test alike."""

import keras

from ...objective import Objective
from ...spec import Spec
from ..class_under_test import ClassUnderTest
from .batches import predicting, regression
from .case import Case


def build(case: Case, style: str, base: type):
    """Builds the model of a case.

    Args:
        case: The case.
        style: The style of the class under test. The reference has the same style.
        base: The class under test, or a Keras class for the reference.

    Returns:
        The model, not compiled.
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
    """Returns the inputs and outputs of a case's layers."""
    if case.graph:
        return case.graph()
    inputs = outputs = keras.Input(case.input_shape, dtype=case.input_dtype)
    for layer in case.layers():
        outputs = layer(outputs)
    return inputs, outputs


class Net:
    """A model that wraps a network, for classes that are subclassed."""

    def __init__(self, net):
        """Initializes the model with its network."""
        super().__init__()
        self.net = net

    def get_config(self):
        """Returns the config of the model."""
        return {"net": keras.saving.serialize_keras_object(self.net)}

    @classmethod
    def from_config(cls, config):
        """Creates a model from its config."""
        return cls(keras.saving.deserialize_keras_object(config["net"]))


class Forward:
    """The forward pass of `Net`, for cases without a `call()` of their own."""

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)


def small_model(tested: ClassUnderTest):
    """Builds a small model with the class under test, and data for it.

    Returns:
        The model, not compiled, then `x` and `y`.
    """
    with predicting(tested.objective):
        data = regression()
        model = build(Case("small model", ""), tested.style, tested.load())
        return model, data.x, data.y


def objective_of(case: Case, tested: ClassUnderTest) -> Objective:
    """Returns the objective of a case: the class's, if its targets fit the case."""
    needs = "real" if case.losses else case.needs
    if needs in ("", tested.objective.targets):
        return tested.objective
    return Spec(task="multiclass" if needs == "sparse" else "regression").objective


def compile_arguments(case: Case, tested: ClassUnderTest) -> dict:
    """Returns the loss and the metrics to pass to `compile()`, unless they are owned.

    Args:
        case: The case.
        tested: The class under test.
    """
    if case.losses:
        return case.losses()
    objective = objective_of(case, tested)
    which = "weighted_metrics" if tested.weighted else "metrics"
    names = {"keras": keras}
    arguments = {}
    if not tested.owns_loss:
        known = eval(objective.loss.argument, names)
        arguments["loss"] = known if tested.loss is None else tested.loss
    if not tested.owns_metrics:
        arguments[which] = [eval(m.argument, names) for m in objective.metrics]
    return arguments
