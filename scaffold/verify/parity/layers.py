"""The models of the parity cases: layers, mixins and graphs with something special."""

import keras
from keras import layers

from .case import FEATURES, head


class AddsLoss(layers.Layer):
    """A layer that reports a loss of its own."""

    def call(self, x):
        """Adds the mean square of the inputs."""
        self.add_loss(0.3 * keras.ops.mean(keras.ops.square(x)))
        return x


class Counts(layers.Layer):
    """A layer with a state that is neither a weight nor a seed."""

    def build(self, shape):
        """Creates the counter."""
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        """Scales by a number that grows while training."""
        if training:
            self.count.assign(self.count + 1)
        return x * (1 + 0.1 * self.count)


class NoTraining:
    """A `call()` without the argument `training`."""

    def call(self, x):
        """Runs the network."""
        return self.net(x)


class ModelAddsLoss:
    """A model that adds a loss in `call()`."""

    def call(self, x, training=None):
        """Runs the network and adds a loss of its outputs."""
        outputs = self.net(x, training=training)
        self.add_loss(0.5 * keras.ops.mean(keras.ops.abs(outputs)))
        return outputs


class OnlyAddsLoss:
    """An autoencoder: no targets, and `add_loss()` is the only loss."""

    def call(self, x, training=None):
        """Runs the network and adds the error of the reconstruction."""
        outputs = self.net(x, training=training)
        self.add_loss(keras.ops.mean(keras.ops.square(x - outputs)))
        return outputs


class OverridesLoss:
    """A `compute_loss()` of the user's, on top of the given one."""

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        """Adds a term that only training has."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training=training)
        penalty = keras.ops.mean(keras.ops.square(y_pred))
        return loss + (0.1 if training else 0.0) * penalty


class OverridesLossOldStyle:
    """A `compute_loss()` without `training`, as before Keras 3.3."""

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)

    def compute_loss(self, x, y, y_pred, sample_weight):
        """Doubles the loss."""
        return 2 * super().compute_loss(x, y, y_pred, sample_weight)


class OverridesMetrics:
    """A `compute_metrics()` of the user's, with a metric of the model's own."""

    def __init__(self, net):
        """Creates the metric."""
        super().__init__(net)
        self.largest = keras.metrics.Mean(name="largest")

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Tracks the largest prediction of each batch, on average."""
        results = super().compute_metrics(x, y, y_pred, sample_weight)
        self.largest.update_state(keras.ops.max(y_pred))
        return {**results, "largest": self.largest.result()}


def two_outputs(as_dict):
    """Returns a graph with the outputs `a` and `b`."""

    def graph():
        inputs = keras.Input((FEATURES,))
        hidden = layers.Dense(6, activation="tanh")(inputs)
        a = layers.Dense(1, name="a", kernel_regularizer="l2")(hidden)
        b = layers.Dense(2, name="b")(hidden)
        return inputs, {"a": a, "b": b} if as_dict else [a, b]

    return graph


def two_inputs():
    """Returns a graph with the inputs `left` and `right`."""
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    hidden = layers.Dense(6)(layers.Concatenate()([left, layers.Dense(3)(right)]))
    return {"left": left, "right": right}, head()(hidden)


def sparse_input():
    """Returns a graph whose inputs are sparse."""
    inputs = keras.Input((FEATURES,), sparse=True)
    hidden = layers.Dense(6, activation="tanh")(inputs)
    return inputs, head()(hidden)


def shared_layer():
    """Returns a graph in which a layer is called twice."""
    inputs = keras.Input((FEATURES,))
    shared = layers.Dense(FEATURES, activation="tanh", activity_regularizer="l2")
    return inputs, head()(shared(shared(inputs)))


def residual():
    """Returns a graph with a model inside that has a state and losses."""
    inputs = keras.Input((FEATURES,))
    inner = keras.Sequential(
        [
            layers.Dense(FEATURES, kernel_regularizer="l2", activity_regularizer="l1"),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=3),
        ]
    )
    return inputs, head()(inputs + inner(inputs))


def tagger():
    """Layers that carry a mask to the outputs: one class for each word."""
    return [
        layers.Embedding(12, 5, mask_zero=True),
        layers.LSTM(6, return_sequences=True),
        layers.Dense(4),
    ]


def wide():
    """Layers whose units two devices can share."""
    return [
        layers.Dense(8, activation="tanh"),
        layers.BatchNormalization(),
        layers.Dense(2),
        layers.Dense(2),
    ]


def stateful():
    """Layers with every kind of state and loss."""
    return [
        layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l1"),
        layers.BatchNormalization(),
        layers.Dropout(0.4, seed=2),
        head(),
    ]


def with_layer(*middle):
    """A small network with layers in the middle."""
    return lambda: [
        layers.Dense(6, activation="tanh"),
        *(make() for make in middle),
        head(),
    ]


def frozen():
    """A network whose first layers are not trained."""
    first, norm = layers.Dense(6, activation="tanh"), layers.BatchNormalization()
    first.trainable = norm.trainable = False
    return [first, norm, head()]
