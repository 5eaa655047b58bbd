"""The data of the parity cases: rows, words and classes, with and without weights."""

import keras
import numpy as np
import scipy.sparse

from .case import BATCH, ROWS, Batch, regression


def weighted():
    """Rows with weights."""
    return regression(weighted=True)


def dict_inputs():
    """Rows in two parts, by name."""
    data = regression()
    return Batch({"left": data.x[:, :4], "right": data.x[:, 4:]}, data.y)


def sparse():
    """Rows with few values that are not zero, as a sparse matrix."""
    data = regression()
    return Batch(scipy.sparse.csr_matrix(data.x * (data.x > 0.8)), data.y)


def two_targets(as_dict, with_weights=False):
    """Rows with targets (and weights) for two outputs."""

    def data():
        rows = regression(weighted=True, targets=3)
        y = [rows.y[:, :1], rows.y[:, 1:]]
        w = [rows.sample_weight, rows.sample_weight[::-1].copy()]
        if as_dict:
            y, w = ({"a": a, "b": b} for a, b in (y, w))
        return Batch(rows.x, y, w if with_weights else None)

    return data


def two_losses(as_dict, weighted_metrics=False):
    """Losses, metrics and loss weights for two outputs."""

    def losses():
        loss, metrics, weights = ["mse", "mae"], [["mae"], ["mse"]], [1.0, 0.3]
        if as_dict:
            loss, metrics, weights = (
                {"a": a, "b": b} for a, b in (loss, metrics, weights)
            )
        key = "weighted_metrics" if weighted_metrics else "metrics"
        return {"loss": loss, key: metrics, "loss_weights": weights}

    return losses


def words():
    """Sentences of different lengths, and a class for each word."""
    rng = np.random.default_rng(5)
    x = rng.integers(1, 12, size=(ROWS, 6)).astype("int32")
    for row, length in zip(x, rng.integers(1, 7, size=ROWS), strict=True):
        row[length:] = 0
    return Batch(x, (x % 4).astype("int32"))


class Rows(keras.utils.PyDataset):
    """A data set that Keras asks for batches."""

    def __init__(self, with_weights=False):
        """Takes the rows."""
        super().__init__()
        self.data = regression(weighted=with_weights)

    def __len__(self):
        """Returns the number of batches, the last one small."""
        return -(-ROWS // BATCH)

    def __getitem__(self, index):
        """Returns a batch."""
        rows = slice(index * BATCH, (index + 1) * BATCH)
        d = self.data
        batch = d.x[rows], d.y[rows]
        return batch if d.sample_weight is None else (*batch, d.sample_weight[rows])


def generator(with_weights=False):
    """Yields batches for ever."""
    rows = Rows(with_weights)
    while True:
        for index in range(len(rows)):
            yield rows[index]


def from_data(make, **arguments):
    """Arguments of `fit()` that take the place of arrays."""
    return lambda: {
        "x": make(),
        "y": None,
        "sample_weight": None,
        "batch_size": None,
        **arguments,
    }


def validation(with_weights=False):
    """Data for `validation_data`."""
    data = regression(weighted=with_weights, seed=8)
    batch = (data.x[:21], data.y[:21])
    return (*batch, data.sample_weight[:21]) if with_weights else batch
