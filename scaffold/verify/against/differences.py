"""Compares two arrays, within the tolerance of their dtype."""

import numpy as np

#: The tolerances of float32 and float64. Smaller floats have their own precision.
RTOL, ATOL = 1e-5, 1e-6


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
    return distance(a, b)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the largest difference of two arrays. From NaN to a number, it is inf."""
    a, b = as_float(a), as_float(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        change = np.where(same, 0.0, np.abs(a - b))
    return float(np.nan_to_num(change, nan=np.inf, posinf=np.inf).max(initial=0.0))


def as_float(array: np.ndarray) -> np.ndarray:
    """Converts an array of numbers to float64."""
    return np.asarray(array).astype("float64")
