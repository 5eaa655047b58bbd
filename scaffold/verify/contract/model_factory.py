"""Builds equal models of a class under test, and trains them on equal data."""

import keras
import numpy as np

from ..class_under_test import ClassUnderTest
from ..parity.batches import TARGETS, predicting
from ..parity.build_model import build, compile_arguments
from ..parity.case import Case
from ..parity.layers import stateful
from ..verdict import during

CASE = Case("small model", "contract", layers=stateful)


class NotApplicable(Exception):
    """The invariant does not apply to the model."""


class ModelFactory:
    """Builds equal models of a class, and data for them.

    Attributes:
        tested: The class under test.
        data: `(x,)`, `(x, y)` or `(x, y, weights)` for the last model that was built.
        batch_size: The rows of a batch. The data are three batches.
    """

    def __init__(self, tested: ClassUnderTest, change=lambda model: None):
        """Initializes the factory.

        Args:
            tested: The class under test.
            change: Called with each new model.
        """
        self.tested, self.change = tested, change
        self.data = ()
        self.batch_size = tested.batch_size

    def model(self, optimizer=None, **settings):
        """Builds and compiles a model. Every model has the same initial weights.

        A function of `--build` must draw them with Keras's random numbers.

        Args:
            optimizer: The optimizer, unless `--build` compiles the model.
            **settings: Public attributes that `compile()` sets, such as `run_eagerly`.
        """
        # Equal models have equal names. Freeing memory would get slower each time.
        keras.utils.clear_session(free_memory=False)
        keras.config.disable_traceback_filtering()  # which clear_session() enables
        keras.utils.set_random_seed(3)
        if self.tested.build:
            model, self.data = self.tested.build()
            self.change(model)
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
            x = rng.normal(size=(3 * self.batch_size, 8)).astype("float32")
            scores = x @ rng.normal(size=(8, width)).astype("float32")
            y = TARGETS[tested.objective.targets](scores.astype("float32"))
        self.data = (x, y)
        self.change(model)
        model.compile(optimizer, **compile_arguments(CASE, tested))
        return model

    def trained_model(self):
        """Builds a model and trains it on one batch, which builds all its state."""
        model = self.model()
        self.fit(model, data=self.rows())
        return model

    def rows(self, number=0) -> tuple:
        """Returns the rows of a batch, in the form of `data`."""
        rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
        return keras.tree.map_structure(lambda a: a[rows], self.data)

    def batch(self, number=0):
        """Returns a batch in the form in which `fit()` gives it to the steps.

        This is `x` alone, or `(x,)` if `x` is a tuple, `(x, y)` or `(x, y, weights)`.
        """
        return keras.utils.pack_x_y_sample_weight(*self.rows(number))

    def fit(self, model, epochs=1, data=None, **arguments):
        """Trains a model without shuffling, and returns the history."""
        settings = self._arguments(data) | {"shuffle": False, **arguments}
        with during("fit()"):
            return model.fit(epochs=epochs, **settings).history

    def evaluate(self, model, **arguments):
        """Evaluates a model, and returns a dict."""
        with during("evaluate()"):
            return model.evaluate(return_dict=True, **self._arguments(), **arguments)

    def predict(self, model):
        """Returns the predictions for the first batch."""
        return model.predict(self.rows()[0], verbose=0)

    def _arguments(self, data=None) -> dict:
        """Returns the arguments of `fit()` and `evaluate()`."""
        data = self.data if data is None else data
        named = zip(("x", "y", "sample_weight"), data, strict=False)
        return {**dict(named), "batch_size": self.batch_size, "verbose": 0}
