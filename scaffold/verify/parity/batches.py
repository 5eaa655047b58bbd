"""The data of the parity cases: rows of numbers and their targets."""

from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from ...objective import Objective
from ...spec import Spec

ROWS, FEATURES, BATCH = 50, 8, 16  # 50 rows in batches of 16: the last batch has 2


@dataclass(frozen=True)
class Batch:
    """Data for `fit()` and `evaluate()`: arrays, structures of arrays, or `None`."""

    x: object
    y: object = None
    sample_weight: object = None


def _softmax(y):
    """Makes each row a probability distribution."""
    exp = np.exp(y - y.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


#: Functions that turn real numbers into each kind of targets.
TARGETS = {
    "real": lambda y: y,
    "vector": lambda y: y,
    "positive": lambda y: np.log1p(np.exp(y)),
    "distribution": _softmax,
    "binary": lambda y: (y > 0).astype("float32"),
    "sparse": lambda y: y.argmax(axis=-1).astype("int32"),
    "one_hot": lambda y: np.eye(y.shape[-1], dtype="float32")[y.argmax(axis=-1)],
}

_objective = Spec().objective


def current_objective() -> Objective:
    """Returns the objective for which targets and output layers are made."""
    return _objective


@contextmanager
def predicting(objective: Objective):
    """Makes targets and output layers for an objective."""
    global _objective
    before, _objective = _objective, objective
    try:
        yield
    finally:
        _objective = before


def regression(weighted=False, targets=None, seed=7) -> Batch:
    """Makes rows with targets that depend on the features. The last two are outliers.

    Args:
        weighted: Whether to make sample weights.
        targets: The number of real targets. `None` makes what the current objective
            needs.
        seed: The seed of the random numbers.
    """
    needed = current_objective()
    kind, width = ("real", targets) if targets else (needed.targets, needed.width)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, FEATURES)).astype("float32")
    y = (x @ rng.normal(size=(FEATURES, width))).astype("float32")
    y[-2:] += 5  # so that the small last batch differs from the others
    weight = rng.uniform(0.2, 2.0, size=ROWS).astype("float32")
    return Batch(x, TARGETS[kind](y), weight if weighted else None)


def weighted() -> Batch:
    """Makes rows with sample weights."""
    return regression(weighted=True)


def validation(with_weights=False) -> tuple:
    """Makes `validation_data`."""
    data = regression(weighted=with_weights, seed=8)
    batch = (data.x[:21], data.y[:21])
    return (*batch, data.sample_weight[:21]) if with_weights else batch


class Rows(keras.utils.PyDataset):
    """The rows of `regression()` as a `PyDataset`."""

    def __init__(self, with_weights=False):
        """Makes the rows."""
        super().__init__()
        self.data = regression(weighted=with_weights)

    def __len__(self):
        """Returns the number of batches."""
        return -(-ROWS // BATCH)

    def __getitem__(self, index):
        """Returns a batch."""
        rows = slice(index * BATCH, (index + 1) * BATCH)
        d = self.data
        batch = d.x[rows], d.y[rows]
        return batch if d.sample_weight is None else (*batch, d.sample_weight[rows])


def generator(with_weights=False):
    """Yields batches without end."""
    rows = Rows(with_weights)
    while True:
        for index in range(len(rows)):
            yield rows[index]


def from_dataset(make, **arguments):
    """Makes `fit()` arguments that pass a data set or a generator instead of arrays."""
    return lambda: {
        "x": make(),
        "y": None,
        "sample_weight": None,
        "batch_size": None,
        **arguments,
    }
