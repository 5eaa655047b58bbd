"""Builds equal models of a class under test, and trains them on equal data."""

import keras
import numpy as np

from ..class_under_test import ClassUnderTest
from ..parity.batches import BATCH, TARGETS, predicting
from ..parity.build_model import build, compile_arguments
from ..parity.case import Case
from ..parity.layers import stateful

CASE = Case("small model", "contract", layers=stateful)


class NotApplicable(Exception):
    """The invariant does not apply to the model."""


class ModelFactory:
    """Builds equal models of a class, and data for them.

    Attributes:
        tested: The class under test.
        data: `(x,)` or `(x, y)` for the last model that was built.
    """

    def __init__(self, tested: ClassUnderTest):
        """Initializes the factory with the class under test."""
        self.tested = tested
        self.data = ()

    def model(self, optimizer=None, **settings):
        """Builds and compiles a model. Every model has the same initial weights.

        A function of `--build` must draw them with Keras's random numbers.

        Args:
            optimizer: The optimizer, unless `--build` compiles the model.
            **settings: Public attributes that `compile()` sets, such as `run_eagerly`.
        """
        keras.utils.set_random_seed(3)
        if self.tested.build:
            model, self.data = self.tested.build()
        else:
            model = self._small_model(optimizer or keras.optimizers.SGD(0.05))
        for name, value in settings.items():
            setattr(model, name, value)
        return model

    def _small_model(self, optimizer):
        tested = self.tested
        rng = np.random.default_rng(0)
        with predicting(tested.objective):
            model = build(CASE, tested.style, tested.load())
            # Three full batches, so that all have one shape.
            width = tested.objective.width
            x = rng.normal(size=(3 * BATCH, 8)).astype("float32")
            scores = x @ rng.normal(size=(8, width)).astype("float32")
            y = TARGETS[tested.objective.targets](scores.astype("float32"))
        self.data = (x, y)
        owned = tested.owns_loss, tested.owns_metrics
        model.compile(optimizer, **compile_arguments(CASE, tested, *owned))
        return model

    def trained_model(self):
        """Builds a model and trains it on one batch, which builds all its state."""
        model = self.model()
        x, y, *_ = (*self.batch(), None)
        model.train_on_batch(x, y)
        return model

    def batch(self, number=0):
        """Returns a batch in the form that the steps receive."""
        rows = slice(number * BATCH, (number + 1) * BATCH)
        return keras.tree.map_structure(lambda a: a[rows], self.data)

    def fit(self, model, epochs=1, **arguments):
        """Trains a model without shuffling, and returns the history."""
        x, y = self._x_y()
        settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **arguments}
        return model.fit(x, y, epochs=epochs, **settings).history

    def evaluate(self, model, **arguments):
        """Evaluates a model, and returns a dict."""
        x, y = self._x_y()
        settings = {"batch_size": BATCH, "verbose": 0, "return_dict": True}
        return model.evaluate(x, y, **settings, **arguments)

    def predict(self, model):
        """Returns the predictions for the first batch."""
        return model.predict(self.batch()[0], verbose=0)

    def _x_y(self):
        x, y, *_ = (*self.data, None)
        return x, y
