"""The data: put your own into `read_data()`."""

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

from . import InputError

#: How many numbers the model puts out for a sample.
OUTPUTS = 1


def read_data():
    """Returns all samples: read your own here.

    Returns:
        A tuple `(x, y)` of features of shape `(samples, features)` and of
        targets of shape `(samples,)` or `(samples, OUTPUTS)`.
    """
    # 442 patients; how far their diabetes had progressed after a year.
    return datasets.load_diabetes(return_X_y=True)


def load_data():
    """Splits the samples into three parts, and scales the features.

    Returns:
        A dict with the parts "train", "validation" and "test" (60, 20 and 20 %): tuples
        `(x, y)` of arrays.

    Raises:
        InputError: If the samples cannot be used.
    """
    x, y = map(np.asarray, read_data())
    check_part("data", x, y)
    train, rest = train_test_split(np.arange(len(x)), test_size=0.4, random_state=0)
    validation, test = train_test_split(rest, test_size=0.5, random_state=0)

    # Fitted on the training part alone: the others must stay unseen.
    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
    x = ((x - mean) / np.where(deviation > 0, deviation, 1)).astype("float32")
    # In standard deviations from the mean of the training part.
    y = ((y - y[train].mean(axis=0)) / y[train].std(axis=0)).astype("float32")

    arrays = x, y
    parts = {"train": train, "validation": validation, "test": test}
    return {name: tuple(a[rows] for a in arrays) for name, rows in parts.items()}


def check_data(data):
    """Refuses data that a model cannot train on.

    Args:
        data: What `load_data()` returned.

    Raises:
        InputError: If something is wrong with them; the message says what, and where.
    """
    for name, part in data.items():
        check_part(name, *part)
        if part[0].ndim < 2:
            raise InputError(f"{name}: x must be of shape (samples, features).")
        if part[0].shape[1:] != data["train"][0].shape[1:]:
            raise InputError(
                f"{name}: x has the shape {part[0].shape}, but that of the training "
                f"part is {data['train'][0].shape}."
            )
        if part[1][0].size != OUTPUTS:
            raise InputError(
                f"{name}: y must have {OUTPUTS} numbers a row: see OUTPUTS."
            )


def check_part(name, x, y, sample_weight=None):
    """Refuses arrays that are empty, of different lengths, or not finite."""
    arrays = {"x": x, "y": y, "sample_weight": sample_weight}
    for array_name, array in arrays.items():
        if array is None:
            continue
        if array.ndim == 0 or len(array) == 0:
            raise InputError(f"{name}: {array_name} is empty.")
        if len(array) != len(x):
            raise InputError(
                f"{name}: x has {len(x)} rows, but {array_name} has {len(array)}."
            )
        if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
            raise InputError(f"{name}: {array_name} is of type {array.dtype}.")
        wrong = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
        if wrong.any():
            raise InputError(
                f"{name}: {array_name} has NaN or infinite numbers in {wrong.sum()} "
                f"rows, the first in row {wrong.argmax()}."
            )
