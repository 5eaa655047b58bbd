"""Trains and evaluates one side, and records every step."""

import keras
import numpy as np

from .direct_draws import DirectDraws
from .random_stream import RandomStream
from .weights import Weights, array, optimizer_records

#: How often the three batches are trained on.
EPOCHS = 2

#: The phases. A step of a phase has the same random numbers on both sides.
START, TRAINING, END = range(3)


class Recorder(keras.callbacks.Callback):
    """Records the logs, the metrics, the draws and the weights of each step.

    Attributes:
        steps: A dict for each step.
    """

    def __init__(self, stream: RandomStream, direct: DirectDraws, phase: int, weights):
        """Initializes the recorder.

        Args:
            stream: The random numbers.
            direct: The watcher of other random numbers.
            phase: The phase in which the steps are.
            weights: The `Weights` to record, or `None`.
        """
        super().__init__()
        self.steps = []
        self._stream, self._direct, self._phase = stream, direct, phase
        self._weights = weights
        self._start = weights.values() if weights else []

    def _begin(self, batch, logs=None):
        self._direct.begin()
        self._stream.begin(self._phase, len(self.steps))

    def _end(self, batch, logs=None):
        self._direct.end()
        step = self._stream.end()
        # Reading `self.model` brings the variables up to date.
        metrics = {m.name: m.result() for m in self.model.metrics}
        step["logs"] = _numbers(logs or {})
        step["metrics"] = {
            name: value
            for name, value in _numbers(metrics).items()
            if name not in step["logs"]
        }
        step["changes"] = self._changes()
        self.steps.append(step)

    on_train_batch_begin = on_test_batch_begin = _begin
    on_train_batch_end = on_test_batch_end = _end

    def _changes(self) -> list[np.ndarray]:
        """Returns the differences of the weights to their values at the start."""
        if not self._weights:
            return []
        pairs = zip(self._weights.values(), self._start, strict=True)
        return [(now.astype("float64") - then).astype("float32") for now, then in pairs]


def _numbers(logs: dict) -> dict:
    """Returns logs as arrays. What is not a number is left out."""
    found = {}
    for name, value in logs.items():
        if isinstance(value, dict):
            found |= {f"{name}/{key}": v for key, v in _numbers(value).items()}
            continue
        try:
            number = array(value)
        except Exception:
            continue
        if number.dtype.kind in "fiub":
            found[str(name)] = number
    return found


def train(model, weights: Weights, data: tuple, rows: int, stream, direct) -> dict:
    """Trains a model, and returns its steps and its optimizers."""
    recorder = Recorder(stream, direct, TRAINING, weights)
    model.fit(
        **_named(data),
        batch_size=rows,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[recorder],
    )
    return {"steps": recorder.steps, "optimizers": optimizer_records(model)}


def evaluate(model, phase: int, data: tuple, rows: int, stream, direct) -> dict:
    """Evaluates a model, and returns its steps and its result."""
    recorder = Recorder(stream, direct, phase, None)
    result = model.evaluate(
        **_named(data),
        batch_size=rows,
        verbose=0,
        callbacks=[recorder],
        return_dict=True,
    )
    return {"steps": recorder.steps, "result": _numbers(result)}


def _named(data: tuple) -> dict:
    """Returns data as arguments of `fit()` and `evaluate()`."""
    return dict(zip(("x", "y", "sample_weight"), data, strict=False))
