"""Saves a training after each epoch, and restores it to the last bit."""

import csv
import json
import math
import random
from pathlib import Path

import keras
import numpy as np

from .checkpoint_file import read_about, read_values
from .out_folder import remove_unfinished, replacing
from .processes import in_first_process, together


class Checkpoint(keras.callbacks.Callback):
    """Saves the training after each epoch, and stops it early.

    The files in `folder`:

    - `checkpoint.npz`: everything that the next epoch depends on.
    - `best.keras`: the model of the epoch with the lowest `val_loss`.
    - `history.csv`: the logs of all epochs.

    Each file is replaced in one step, so that a kill leaves the old or the new one. The
    checkpoint is written first; `restore()` writes files that a kill prevented. Of
    several processes, process 0 writes.

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
        in_first_process(self.save)

    def save(self):
        """Saves all files. The checkpoint is first: the others can be made from it."""
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
            InputError: If there is no checkpoint, if it cannot be read, or if it is of
                a different model. The model is not changed.
        """
        model.optimizer.build(model.trainable_variables)
        variables = variables_of(model)
        with together():
            _, history = read_about(self.folder)
            values = read_values(self.folder, variables)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.history = history
        in_first_process(remove_unfinished, self.folder)
        in_first_process(self.save_results, model)


def variables_of(model):
    """Lists the variables that training changes, the optimizer's included."""
    return [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.optimizer.variables,
    ]
