"""Cases of losses: of `compile()`, of layers, and overridden."""

import keras
from keras import layers

from ..batches import FEATURES, Batch, regression
from ..case import Case
from ..layers import output_layer, stateful, with_layers


class AddsLoss(layers.Layer):
    """A layer with a loss of its own."""

    def call(self, x):
        """Adds the mean square of the inputs as a loss."""
        self.add_loss(0.3 * keras.ops.mean(keras.ops.square(x)))
        return x


class ModelAddsLoss:
    """A model that adds a loss in `call()`."""

    def call(self, x, training=None):
        """Runs the network, and adds a loss of its outputs."""
        outputs = self.net(x, training=training)
        self.add_loss(0.5 * keras.ops.mean(keras.ops.abs(outputs)))
        return outputs


class OnlyAddsLoss:
    """An autoencoder without targets, whose only loss is added in `call()`."""

    def call(self, x, training=None):
        """Runs the network, and adds the reconstruction error."""
        outputs = self.net(x, training=training)
        self.add_loss(keras.ops.mean(keras.ops.square(x - outputs)))
        return outputs


class OverridesLoss:
    """A model that overrides `compute_loss()`."""

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        """Adds a penalty in training only."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training=training)
        penalty = keras.ops.mean(keras.ops.square(y_pred))
        return loss + (0.1 if training else 0.0) * penalty


class OverridesLossWithoutTraining:
    """A model with a `compute_loss()` without `training`, as before Keras 3.3."""

    def call(self, x, training=None):
        """Runs the network."""
        return self.net(x, training=training)

    def compute_loss(self, x, y, y_pred, sample_weight):
        """Doubles the loss."""
        return 2 * super().compute_loss(x, y, y_pred, sample_weight)


def shared_layer():
    """Makes a graph that calls one layer twice."""
    inputs = keras.Input((FEATURES,))
    shared = layers.Dense(FEATURES, activation="tanh", activity_regularizer="l2")
    return inputs, output_layer()(shared(shared(inputs)))


CASES = (
    Case("plain", "losses", quick=True),
    Case(
        "weight regularizers",
        "losses",
        layers=lambda: [
            layers.Dense(6, kernel_regularizer="l2", bias_regularizer="l1"),
            output_layer(kernel_regularizer="l1l2"),
        ],
    ),
    Case(
        "activity regularizer",
        "losses",
        layers=lambda: [layers.Dense(6, activity_regularizer="l2"), output_layer()],
    ),
    Case("all kinds of losses", "losses", layers=stateful, quick=True),
    Case(
        "layer called twice",
        "losses",
        graph=shared_layer,
    ),
    Case("add_loss in a layer", "losses", layers=with_layers(AddsLoss)),
    Case("add_loss in the model", "losses", mixin=ModelAddsLoss),
    Case(
        "add_loss without targets",
        "losses",
        mixin=OnlyAddsLoss,
        layers=lambda: [layers.Dense(3), layers.Dense(FEATURES)],
        data=lambda: Batch(regression().x),
        losses=dict,
        owned=False,
    ),
    Case("overridden compute_loss", "losses", mixin=OverridesLoss),
    Case(
        "overridden compute_loss without training",
        "losses",
        mixin=OverridesLossWithoutTraining,
    ),
    Case(
        "class labels",
        "losses",
        layers=lambda: [layers.Dense(6), output_layer()],
        needs="sparse",
    ),
)
