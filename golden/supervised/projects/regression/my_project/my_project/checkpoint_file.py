"""Reads `checkpoint.npz`, and checks everything that comes from it."""

import json
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np

from . import InputError


def read_about(folder):
    """Returns the arguments and the history of the training in a folder.

    Raises:
        InputError: If there is no training, or if its checkpoint cannot be used.
    """
    with opened(folder) as saved:
        about = json.loads(str(saved["about"]))
        arguments, history = about["arguments"], about["history"]
        if not isinstance(arguments, dict) or not isinstance(history, list):
            raise TypeError("The arguments or the history are of a wrong type.")
        if not history:
            raise ValueError("The history is empty.")
        for logs in history:
            if not all(type(value) is float for value in logs.values()):
                raise TypeError("The history has other values than floats.")
            if not {"loss", "val_loss"} <= logs.keys():
                raise ValueError("The history has no losses.")
    return arguments, history


def read_values(folder, variables):
    """Returns the saved values of variables.

    Args:
        folder: The folder of the training.
        variables: List of the variables, in the order in which they were saved.

    Returns:
        A list of arrays with the shapes and the types of the variables.

    Raises:
        InputError: If the checkpoint cannot be used, or is of a different model.
    """
    with opened(folder) as saved:
        values = {name: saved[name] for name in saved if name != "about"}
    names = [f"{number:05}" for number in range(len(variables))]
    types = [jax.numpy.dtype(variable.dtype) for variable in variables]
    # NumPy's files contain types like bfloat16 as raw bytes, without their names.
    expected = {
        name: (tuple(variable.shape), np.dtype(dtype.str))
        for name, variable, dtype in zip(names, variables, types, strict=True)
    }
    if {name: (value.shape, value.dtype) for name, value in values.items()} != expected:
        raise InputError(
            f"{checkpoint_path(folder)} is of a different model. Start a new training "
            "with another --out."
        )
    return [values[name].view(dtype) for name, dtype in zip(names, types, strict=True)]


@contextmanager
def opened(folder):
    """Opens the checkpoint in a folder. Errors in the `with` block are blamed on it.

    Raises:
        InputError: If it does not exist, or if it cannot be read.
    """
    path = checkpoint_path(folder)
    try:
        with np.load(path) as saved:
            yield saved
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"There is no training in {folder}. Start one without --resume."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}. Fix the cause, or "
            "start a new training with another --out."
        ) from error
    except Exception as error:  # NumPy and zipfile raise many types for broken files.
        raise not_a_checkpoint(path, "It is damaged or something else") from error


def not_a_checkpoint(path, problem):
    """Returns the error for a checkpoint with a problem."""
    return InputError(
        f"{path} is not a checkpoint of this project. {problem}. Replace it with a "
        "backup, or start a new training with another --out."
    )


def checkpoint_path(folder):
    """Returns the path of the checkpoint in a folder."""
    return Path(folder) / "checkpoint.npz"
