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
    """Splits the samples into three parts, and scales them.

    Returns:
        A dict with the parts "train", "validation" and "test" (60, 20 and 20 %): tuples
        `(x, y)` of arrays.

    Raises:
        InputError: If the samples cannot be used.
    """
    data = read_data()
    try:
        x, y = map(np.asarray, data)
    except (TypeError, ValueError) as error:
        raise InputError(f"read_data() must return arrays x and y: {error}.") from error
    check_part("data", x, y)
    parts = split(y)

    # Fitted on the training part alone: the others must stay unseen.
    train = parts["train"]
    mean, deviation = scaling(x[train])
    x = ((x - mean) / deviation).astype("float32")
    # In standard deviations from the mean of the training part.
    mean, deviation = scaling(y[train])
    y = ((y - mean) / deviation).astype("float32")

    arrays = x, y
    return {name: tuple(a[rows] for a in arrays) for name, rows in parts.items()}


def split(y):
    """Returns the numbers of the rows of each part, always the same.

    Args:
        y: Targets of all samples.

    Returns:
        A dict with the parts "train", "validation" and "test".

    Raises:
        InputError: If there are too few.
    """
    if len(y) < 5:
        raise InputError(
            f"data: {len(y)} rows are too few to be split into three parts."
        )
    train, rest = train_test_split(np.arange(len(y)), test_size=0.4, random_state=0)
    validation, test = train_test_split(rest, test_size=0.5, random_state=0)
    return {"train": train, "validation": validation, "test": test}


def scaling(array):
    """Returns the mean and the standard deviation of each column.

    The latter is 1 for a column whose numbers are all the same.
    """
    mean, deviation = (f(array, axis=0, dtype="float64") for f in (np.mean, np.std))
    return mean, np.where(deviation > 1e-7 * np.abs(mean), deviation, 1)


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


def check_part(name, x, y, sample_weight=None):
    """Refuses arrays that do not fit together, or that the loss cannot use."""
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
        if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
            raise InputError(f"{name}: {array_name} is of type {array.dtype}.")
        wrong = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
        if wrong.any():
            raise InputError(
                f"{name}: {array_name} has NaN or infinite numbers in {wrong.sum()} "
                f"rows, the first in row {wrong.argmax()}."
            )
    if y[0].size != OUTPUTS:
        raise InputError(f"{name}: y must have {OUTPUTS} numbers a row: see OUTPUTS.")
