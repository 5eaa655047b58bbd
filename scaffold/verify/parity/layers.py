"""The layers that several parity cases use."""

import keras
from keras import layers

from .batches import current_objective


def output_layer(**arguments):
    """Makes an output layer for the current objective."""
    objective = current_objective()
    activation = eval(objective.activation or "None", {"keras": keras})
    return layers.Dense(objective.width, activation=activation, **arguments)


def plain():
    """Makes a small network."""
    return [layers.Dense(6, activation="tanh"), output_layer()]


def with_layers(*middle):
    """Makes a small network with more layers in the middle."""
    return lambda: [
        layers.Dense(6, activation="tanh"),
        *(make() for make in middle),
        output_layer(),
    ]


def stateful():
    """Makes layers with every kind of state and of loss."""
    return [
        layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l1"),
        layers.BatchNormalization(),
        layers.Dropout(0.4, seed=2),
        output_layer(),
    ]
