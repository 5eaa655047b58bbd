"""The data. Put your own into `read_data()`."""

import os

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

from . import InputError

#: Number of outputs of the model, one per class.
OUTPUTS = 10


def read_data():
    """Returns all samples. Read your own here.

    Returns:
        A tuple `(x, y)` of features of shape `(samples, features)` and of
        class numbers from 0, of shape `(samples,)`.
    """
    # 1797 images of 8 x 8 pixels.
    return datasets.load_digits(return_X_y=True)


def load_data():
    """Reads, splits and scales the data.

    Returns:
        A dict of the splits "train", "validation" and "test", with 60, 20 and 20 % of
        the rows. Each is a tuple `(x, y)` of arrays.

    Raises:
        InputError: If the data cannot be used.
    """
    try:
        data = read_data()
    except OSError as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"read_data() failed: {reason}. Check the files that it reads. Relative "
            f"paths start at {os.getcwd()}."
        ) from error
    try:
        x, y = map(np.asarray, data)
    except (TypeError, ValueError) as error:
        raise InputError(f"read_data() must return arrays x and y: {error}.") from error
    check_split("data", x, y)
    rows_of = split(y)

    # The scaling comes from the training rows alone. The others must stay unseen.
    train = rows_of["train"]
    mean, deviation = scaling(x[train])
    x = ((x - mean) / deviation).astype("float32")

    check_split("scaled data", x, y)
    arrays = x, y
    return {name: tuple(a[rows] for a in arrays) for name, rows in rows_of.items()}


def split(y):
    """Splits the rows at random, the same in every run.

    Args:
        y: Targets of all samples.

    Returns:
        A dict of arrays of row numbers, by the names of the splits.

    Raises:
        InputError: If there are too few rows.
    """
    # Stratified: every split has all classes, in the same proportions.
    classes, labels, counts = np.unique(y, return_inverse=True, return_counts=True)
    if counts.min() < 5:
        raise InputError(
            f"data: class {classes[counts.argmin()]} has {counts.min()} rows, too few "
            "for three splits. At least 5 are needed."
        )
    labels = labels.reshape(-1)
    train, rest = train_test_split(
        np.arange(len(y)), test_size=0.4, random_state=0, stratify=labels
    )
    validation, test = train_test_split(
        rest, test_size=0.5, random_state=0, stratify=labels[rest]
    )
    return {"train": train, "validation": validation, "test": test}


def scaling(array):
    """Returns the mean and the standard deviation of each column.

    The deviation of a constant column is 1, so that dividing by it is safe.
    """
    mean, deviation = (f(array, axis=0, dtype="float64") for f in (np.mean, np.std))
    return mean, np.where(deviation > 1e-7 * np.abs(mean), deviation, 1)


def check_data(data):
    """Checks that a model can train on the data.

    Args:
        data: A dict of splits, as `load_data()` returns it.

    Raises:
        InputError: If it cannot. The message names the split and the problem.
    """
    for name, arrays in data.items():
        check_split(name, *arrays)
        x, train_x = arrays[0], data["train"][0]
        if x.ndim < 2:
            raise InputError(f"{name}: x must be of shape (samples, features).")
        if x.shape[1:] != train_x.shape[1:]:
            raise InputError(
                f"{name}: x has the shape {x.shape}, but x of the training split has "
                f"{train_x.shape}."
            )


def check_split(name, x, y, sample_weight=None):
    """Checks that arrays fit together, and that the loss can use them."""
    arrays = {"x": x, "y": y, "sample_weight": sample_weight}
    for array_name, array in arrays.items():
        if array is None:
            continue
        if array.ndim == 0:
            raise InputError(f"{name}: {array_name} is not an array.")
        if len(array) == 0:
            raise InputError(f"{name}: {array_name} is empty.")
        if len(array) != len(x):
            raise InputError(
                f"{name}: x has {len(x)} rows, but {array_name} has {len(array)}."
            )
        if array.dtype.kind not in "biuf":
            raise InputError(
                f"{name}: {array_name} is of type {array.dtype}, not real numbers."
            )
        if array.size == 0:
            raise InputError(
                f"{name}: {array_name} is of shape {array.shape}, without values."
            )
        for problem, valid in (
            ("NaN or infinite values", np.isfinite(array)),
            ("values beyond float32", np.abs(array) <= np.finfo("float32").max),
        ):
            invalid = ~valid.reshape(len(array), -1).all(axis=1)
            if invalid.any():
                raise InputError(
                    f"{name}: {array_name} has {problem}. Rows: {invalid.sum()}. "
                    f"First row: {invalid.argmax()}."
                )
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise InputError(
            f"{name}: y must be integers of shape (samples,). Use y.ravel() and "
            "y.astype(int)."
        )
    if y.min() < 0 or y.max() >= OUTPUTS:
        raise InputError(
            f"{name}: y has classes from {y.min()} to {y.max()}, but the model's "
            f"outputs are for classes 0 to {OUTPUTS - 1}. See OUTPUTS."
        )
