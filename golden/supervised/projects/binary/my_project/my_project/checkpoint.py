"""Saves a training after each epoch, and restores it to the last bit."""

import csv
import json
import math
import os
import random
import zipfile
from contextlib import contextmanager
from pathlib import Path

import jax
import keras
import numpy as np

from . import InputError


class Checkpoint(keras.callbacks.Callback):
    """Saves the training after each epoch, and stops it early.

    The files in `folder`:

    - `checkpoint.npz`: everything that the next epoch depends on.
    - `best.keras`: the model of the epoch with the lowest `val_loss`.
    - `history.csv`: the logs of all epochs.

    Each file is replaced in one step, so that a kill leaves the old or the new one. The
    checkpoint is written first; `restore()` writes files that a kill prevented.

    Attributes:
        history: List with a dict of logs per epoch.
        arguments: Dict of the training's arguments, by name.
    """

    def __init__(self, folder, arguments):
        """Initializes the callback.

        Args:
            folder: The folder of the results.
            arguments: The training's arguments that `--resume` needs, as a dict.
        """
        super().__init__()
        self.folder, self.arguments = Path(folder), arguments
        self.history = []

    def path(self, name):
        """Returns the path of one of the files."""
        return self.folder / name

    @property
    def best_epoch(self):
        """The epoch with the lowest `val_loss`, from 1, or 0 if there is none."""
        losses = [logs["val_loss"] for logs in self.history]
        numbered = [(x, n) for n, x in enumerate(losses, 1) if not math.isnan(x)]
        return min(numbered, default=(math.nan, 0))[1]

    @property
    def stops_early(self):
        """Whether `val_loss` has not improved for `patience` epochs."""
        return len(self.history) - self.best_epoch >= self.arguments["patience"]

    def on_epoch_begin(self, epoch, logs=None):
        """Seeds the shuffling, so that it depends on the number of the epoch alone."""
        np.random.seed([self.arguments["seed"], epoch])
        random.seed(f"{self.arguments['seed']} {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        """Saves the training."""
        self.history.append({name: float(value) for name, value in logs.items()})
        if self.stops_early:
            self.model.stop_training = True
        # The checkpoint comes first: the other files can be made from it.
        self.save_checkpoint()
        self.save_results(self.model)

    def save_checkpoint(self):
        """Saves the variables, with the random seeds, and the logs."""
        variables = map(keras.ops.convert_to_numpy, variables_of(self.model))
        arrays = {f"{number:05}": value for number, value in enumerate(variables)}
        about = json.dumps({"arguments": self.arguments, "history": self.history})
        with replacing(self.path("checkpoint.npz")) as path:
            np.savez(path, about=about, **arrays)

    def save_results(self, model):
        """Saves the history, and the model if its last epoch is the best."""
        if self.best_epoch == len(self.history):
            self.save_model(model, "best.keras")
        self.save_history()

    def save_model(self, model, name):
        """Saves a model under a name in the folder."""
        with replacing(self.path(name)) as path:
            model.save(path)

    def save_history(self):
        """Saves the logs as a table."""
        names = list(dict.fromkeys(name for logs in self.history for name in logs))
        with replacing(self.path("history.csv")) as path:
            with path.open("w") as file:
                table = csv.DictWriter(file, ["epoch", *names], lineterminator="\n")
                table.writeheader()
                for number, logs in enumerate(self.history, 1):
                    table.writerow({"epoch": number, **logs})

    def restore(self, model):
        """Restores the training into a new model.

        Args:
            model: A compiled model, built like the saved one.

        Raises:
            InputError: If there is no checkpoint, or if it is of a different model.
        """
        about = read_about(self.folder)
        with np.load(self.path("checkpoint.npz")) as saved:
            values = [saved[name] for name in sorted(saved) if name != "about"]
        model.optimizer.build(model.trainable_variables)
        variables = variables_of(model)
        if [v.shape for v in variables] != [value.shape for value in values]:
            raise InputError(
                f"{self.path('checkpoint.npz')} is of a different model. Start a new "
                "training with another --out."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.history = about["history"]
        for unfinished in self.folder.glob(f"new-{jax.process_index()}-*"):
            unfinished.unlink()
        self.save_results(model)


def variables_of(model):
    """Lists the variables that training changes, the optimizer's included."""
    return [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.optimizer.variables,
    ]


def read_about(folder):
    """Returns the arguments and the history of the training in a folder.

    Raises:
        InputError: If there is no training, or if its checkpoint cannot be read.
    """
    path = Path(folder) / "checkpoint.npz"
    if not path.exists():
        raise InputError(
            f"There is no training in {folder}. Start one without --resume."
        )
    try:
        with np.load(path) as saved:
            return json.loads(str(saved["about"]))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a checkpoint: {error}") from error


@contextmanager
def replacing(path):
    """Yields a temporary path, and moves what is written there to `path`.

    Every process writes, because saving a model synchronizes them in Keras. Only the
    first process's file is kept.
    """
    process = jax.process_index()
    temporary = path.with_name(f"new-{process}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if process == 0:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
