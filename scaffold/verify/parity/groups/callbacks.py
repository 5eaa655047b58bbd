"""Cases of validation and callbacks."""

import keras
import numpy as np

from ..batches import BATCH, validation
from ..case import Case
from ..layers import stateful


class ReadsWeights(keras.callbacks.Callback):
    """Reads the weights after each batch, and reports their sum."""

    def on_train_batch_end(self, batch, logs=None):
        """Reads the weights in the middle of an epoch."""
        self.total = float(sum(np.abs(w).sum() for w in self.model.get_weights()))

    def on_epoch_end(self, epoch, logs=None):
        """Reports the sum after the last batch."""
        logs["total"] = self.total


class WritesWeights(keras.callbacks.Callback):
    """Shrinks the weights after each batch."""

    def on_train_batch_end(self, batch, logs=None):
        """Writes the weights in the middle of an epoch."""
        self.model.set_weights([w * 0.9 for w in self.model.get_weights()])


class RestoresWeights(keras.callbacks.Callback):
    """Undoes the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        """Saves the weights."""
        # Copies: older versions of JAX overwrite donated buffers in place.
        self.saved = [np.array(w) for w in self.model.get_weights()]

    def on_epoch_end(self, epoch, logs=None):
        """Restores the weights after the second epoch."""
        if epoch == 1:
            self.model.set_weights(self.saved)


def validated(*callbacks):
    """Returns a function that makes `fit()` arguments with validation data."""
    return lambda: {
        "callbacks": [make() for make in callbacks],
        "validation_data": validation(),
    }


def early_stopping():
    """Makes an `EarlyStopping` that stops after the first epoch."""
    return keras.callbacks.EarlyStopping(
        "val_loss", patience=0, min_delta=10.0, restore_best_weights=True
    )


def reduce_learning_rate():
    """Makes a `ReduceLROnPlateau` that reduces after each epoch."""
    return keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=100.0)


def fit_twice(model, data):
    """Trains, evaluates, and continues training."""
    first = model.fit(
        data.x, data.y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0
    )
    value = model.evaluate(
        data.x, data.y, batch_size=BATCH, verbose=0, return_dict=True
    )
    more = {
        "initial_epoch": 2,
        "epochs": 4,
        "validation_split": 0.3,
        "shuffle": False,
        "verbose": 0,
    }
    second = model.fit(data.x, data.y, batch_size=BATCH, **more)
    return [first.history, value, second.history]


CASES = (
    Case("validation_data", "callbacks", layers=stateful, fit=validated(), quick=True),
    Case(
        "a callback that reads the weights",
        "callbacks",
        layers=stateful,
        fit=validated(ReadsWeights),
    ),
    Case(
        "a callback that writes the weights",
        "callbacks",
        layers=stateful,
        fit=validated(WritesWeights),
    ),
    Case(
        "a callback that restores the weights",
        "callbacks",
        layers=stateful,
        fit=validated(RestoresWeights),
    ),
    Case("EarlyStopping", "callbacks", fit=validated(early_stopping)),
    Case(
        "ReduceLROnPlateau",
        "callbacks",
        fit=lambda: {"callbacks": [reduce_learning_rate()]},
    ),
    Case("fit() twice", "callbacks", layers=stateful, train=fit_twice),
)
