"""Cases of layers with state or random numbers, and of training mode."""

import keras
from keras import layers

from ..batches import FEATURES
from ..case import Case
from ..layers import output_layer, stateful, with_layers


class Counts(layers.Layer):
    """A layer that counts its training calls in a non-trainable variable."""

    def build(self, shape):
        """Creates the counter."""
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        """Scales the inputs by a number that grows in training."""
        if training:
            self.count.assign(self.count + 1)
        return x * (1 + 0.1 * self.count)


class NoTraining:
    """A model with a `call()` without `training`."""

    def call(self, x):
        """Runs the network."""
        return self.net(x)


def nested_model():
    """Makes a graph with an inner model that has state and losses."""
    inputs = keras.Input((FEATURES,))
    inner = keras.Sequential(
        [
            layers.Dense(FEATURES, kernel_regularizer="l2", activity_regularizer="l1"),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=3),
        ]
    )
    return inputs, output_layer()(inputs + inner(inputs))


def frozen():
    """Makes a network whose first layers are frozen."""
    first, norm = layers.Dense(6, activation="tanh"), layers.BatchNormalization()
    first.trainable = norm.trainable = False
    return [first, norm, output_layer()]


CASES = (
    Case("batch normalization", "state", layers=with_layers(layers.BatchNormalization)),
    Case("dropout", "state", layers=with_layers(lambda: layers.Dropout(0.5, seed=1))),
    Case(
        "dropout without a seed",
        "state",
        layers=with_layers(lambda: layers.Dropout(0.5)),
    ),
    Case(
        "noise layers",
        "state",
        layers=with_layers(
            lambda: layers.GaussianNoise(0.3, seed=1),
            lambda: layers.GaussianDropout(0.2, seed=2),
        ),
    ),
    Case(
        "spectral normalization",
        "state",
        layers=lambda: [layers.SpectralNormalization(layers.Dense(6)), output_layer()],
    ),
    Case("counter variable", "state", layers=with_layers(Counts)),
    Case("frozen layers", "state", layers=frozen),
    Case("nested model", "state", graph=nested_model),
    Case(
        "call without training", "state", mixin=NoTraining, layers=stateful, quick=True
    ),
)
