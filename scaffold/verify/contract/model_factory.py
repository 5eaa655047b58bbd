"""Makes equal models of a class under test, and trains them alike."""

import keras
import numpy as np

from ..class_under_test import ClassUnderTest
from ..parity.build_model import build, compile_arguments
from ..parity.case import BATCH, TARGETS, Case, predicting
from ..parity.layers import stateful

CASE = Case("contract", "contract", layers=stateful)


class NotApplicable(Exception):
    """A promise that has no meaning for a model."""


class ModelFactory:
    """Makes equal models of a class, and data for them."""

    def __init__(self, tested: ClassUnderTest):
        """Takes the class under test."""
        self.tested = tested
        self.data = ()

    def model(self, optimizer=None, **settings):
        """Builds and compiles a model; each has the same weights.

        What `--build` makes has them if it takes its random numbers from Keras.

        Args:
            optimizer: The optimizer, where the class does not bring its own.
            **settings: Public attributes that `compile()` sets, such as `run_eagerly`.
        """
        keras.utils.set_random_seed(3)
        if self.tested.build:
            model, self.data = self.tested.build()
        else:
            model = self._small(optimizer or keras.optimizers.SGD(0.05))
        for name, value in settings.items():
            setattr(model, name, value)
        return model

    def _small(self, optimizer):
        tested = self.tested
        rng = np.random.default_rng(0)
        with predicting(tested.objective):
            model = build(CASE, tested.style, tested.load())
            # Three full batches, so that there is one shape.
            width = tested.objective.width
            x = rng.normal(size=(3 * BATCH, 8)).astype("float32")
            scores = x @ rng.normal(size=(8, width)).astype("float32")
            y = TARGETS[tested.objective.targets](scores.astype("float32"))
        self.data = (x, y)
        owned = tested.owns_loss, tested.owns_metrics
        model.compile(optimizer, **compile_arguments(CASE, tested, *owned))
        return model

    def batch(self, number=0):
        """Returns a batch as the steps get it."""
        rows = slice(number * BATCH, (number + 1) * BATCH)
        return keras.tree.map_structure(lambda a: a[rows], self.data)

    def fit(self, model, epochs=1, **arguments):
        """Trains without shuffling, and returns the history."""
        x, y = self._arguments()
        settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **arguments}
        return model.fit(x, y, epochs=epochs, **settings).history

    def evaluate(self, model, **arguments):
        """Evaluates, and returns a dict."""
        x, y = self._arguments()
        settings = {"batch_size": BATCH, "verbose": 0, "return_dict": True}
        return model.evaluate(x, y, **settings, **arguments)

    def predict(self, model):
        """Predicts the first batch."""
        return model.predict(self.batch()[0], verbose=0)

    def ready(self, model):
        """Trains on one batch, which builds the metrics and the optimizer."""
        x, y, *_ = (*self.batch(), None)
        model.train_on_batch(x, y)
        return model

    def _arguments(self):
        x, y, *_ = (*self.data, None)
        return x, y
