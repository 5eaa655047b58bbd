"""Cases of models with several outputs."""

import keras
from keras import layers

from ..batches import FEATURES, Batch, regression
from ..case import Case


def two_outputs(as_dict):
    """Returns a function that makes a graph with the outputs `a` and `b`."""

    def graph():
        inputs = keras.Input((FEATURES,))
        hidden = layers.Dense(6, activation="tanh")(inputs)
        a = layers.Dense(1, name="a", kernel_regularizer="l2")(hidden)
        b = layers.Dense(2, name="b")(hidden)
        return inputs, {"a": a, "b": b} if as_dict else [a, b]

    return graph


def two_targets(as_dict, with_weights=False):
    """Returns a function that makes targets, and sample weights, for two outputs."""

    def data():
        rows = regression(weighted=True, targets=3)
        y = [rows.y[:, :1], rows.y[:, 1:]]
        w = [rows.sample_weight, rows.sample_weight[::-1].copy()]
        if as_dict:
            y, w = ({"a": a, "b": b} for a, b in (y, w))
        return Batch(rows.x, y, w if with_weights else None)

    return data


def two_losses(as_dict, weighted_metrics=False):
    """Returns a function that makes the `compile()` arguments for two outputs."""

    def losses():
        loss, metrics, weights = ["mse", "mae"], [["mae"], ["mse"]], [1.0, 0.3]
        if as_dict:
            loss, metrics, weights = (
                {"a": a, "b": b} for a, b in (loss, metrics, weights)
            )
        key = "weighted_metrics" if weighted_metrics else "metrics"
        return {"loss": loss, key: metrics, "loss_weights": weights}

    return losses


CASES = (
    Case(
        "outputs in a dict",
        "outputs",
        graph=two_outputs(True),
        data=two_targets(True),
        losses=two_losses(True),
        owned=False,
        quick=True,
    ),
    Case(
        "outputs in a list",
        "outputs",
        graph=two_outputs(False),
        data=two_targets(False),
        losses=two_losses(False),
        owned=False,
    ),
    Case(
        "weights per output in a dict",
        "outputs",
        graph=two_outputs(True),
        data=two_targets(True, True),
        losses=two_losses(True, True),
        owned=False,
        weighted=True,
    ),
    Case(
        "weights per output in a list",
        "outputs",
        graph=two_outputs(False),
        data=two_targets(False, True),
        losses=two_losses(False, True),
        owned=False,
        weighted=True,
    ),
)
