"""Compares two arrays, within the tolerance of their dtype."""

import numpy as np

from ..parity.differences import ATOL, RTOL, largest_difference


def excess(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the largest difference of two arrays, or 0 if they are close.

    Args:
        a: The expected values.
        b: The other values, of the same shape.
    """
    a, b = np.asarray(a), np.asarray(b)
    rtol = RTOL
    if a.dtype.kind in "fV" and a.dtype.itemsize < 4:
        import ml_dtypes

        rtol = float(ml_dtypes.finfo(a.dtype).eps)
    a, b = as_float(a), as_float(b)
    if np.allclose(b, a, rtol, ATOL, equal_nan=True):
        return 0.0
    return largest_difference(a, b)


def as_float(array: np.ndarray) -> np.ndarray:
    """Converts an array of numbers to float64."""
    return np.asarray(array).astype("float64")
