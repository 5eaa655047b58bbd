"""What a training leaves on the disk, so that it can go on as if it had never ended."""

import csv
import json
import math
import os
import random
import signal
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import jax
import keras
import numpy as np

from . import InputError


class Checkpoint(keras.callbacks.Callback):
    """Saves the training after each epoch, and ends it early.

    The files of `folder`:

    - `checkpoint.npz`: all that the next epoch depends on.
    - `best.keras`: the model of the epoch with the lowest `val_loss`.
    - `history.csv`: the logs of all epochs.
    - `interrupted.keras`: the model as it was at Ctrl-C.

    Each is replaced in one step: killed at any moment, it is the old or the new one.
    The checkpoint comes first; `restore()` writes what did not come after it.

    Attributes:
        history: List with a dict of the logs of each epoch.
        arguments: Dict of the arguments of `train.py`.
    """

    def __init__(self, folder, arguments):
        """Takes the folder, and the arguments that `train.py` was called with."""
        super().__init__()
        self.folder, self.arguments = Path(folder), arguments
        self.history = []
        self.interrupted = False

    def path(self, name):
        """Returns the path of one of the files."""
        return self.folder / name

    def restore(self, model):
        """Gives a compiled model all that was saved.

        Args:
            model: A model that was built as the saved one was.

        Raises:
            InputError: If it was not, or if there is nothing to go on with.
        """
        about = read_about(self.folder)
        with np.load(self.path("checkpoint.npz")) as saved:
            values = [saved[name] for name in sorted(saved) if name != "about"]
        model.optimizer.build(model.trainable_variables)
        variables = variables_of(model)
        if [v.shape for v in variables] != [value.shape for value in values]:
            raise InputError(
                f"{self.path('checkpoint.npz')} is of another model than this one: "
                "start anew with another --out."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.history = about["history"]
        # What a kill kept from being written after the checkpoint.
        for unfinished in self.folder.glob(f"new-{jax.process_index()}-*"):
            unfinished.unlink()
        self.save_results(model)

    @property
    def stops_early(self):
        """Whether `val_loss` has not fallen for `patience` epochs."""
        return len(self.history) - self.best_epoch >= self.arguments["patience"]

    @property
    def best_epoch(self):
        """The number of the epoch with the lowest `val_loss`, from 1; 0 without one."""
        losses = [logs["val_loss"] for logs in self.history]
        numbered = [(x, n) for n, x in enumerate(losses, 1) if not math.isnan(x)]
        return min(numbered, default=(math.nan, 0))[1]

    def on_epoch_begin(self, epoch, logs=None):
        """Makes the order of the samples depend on the epoch, and not on the past."""
        np.random.seed([self.arguments["seed"], epoch])
        random.seed(f"{self.arguments['seed']} {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        """Saves the training."""
        self.history.append({name: float(value) for name, value in logs.items()})
        if self.stops_early:
            self.model.stop_training = True
        # First the checkpoint: all else can be made from it.
        self.save_checkpoint()
        self.save_results(self.model)

    def save_results(self, model):
        """Saves what people want of a training, after its last epoch so far."""
        if self.best_epoch == len(self.history):
            self.save_model(model, "best.keras")
        self.save_history()

    def save_model(self, model, name):
        """Saves a model."""
        with replacing(self.path(name)) as path:
            model.save(path)

    def save_checkpoint(self):
        """Saves the variables, the random seeds among them, and the logs."""
        variables = map(keras.ops.convert_to_numpy, variables_of(self.model))
        arrays = {f"{number:05}": value for number, value in enumerate(variables)}
        about = json.dumps({"arguments": self.arguments, "history": self.history})
        with replacing(self.path("checkpoint.npz")) as path:
            np.savez(path, about=about, **arrays)

    def save_history(self):
        """Saves the logs as a table."""
        names = list(dict.fromkeys(name for logs in self.history for name in logs))
        with replacing(self.path("history.csv")) as path:
            with path.open("w") as file:
                table = csv.DictWriter(file, ["epoch", *names], lineterminator="\n")
                table.writeheader()
                for number, logs in enumerate(self.history, 1):
                    table.writerow({"epoch": number, **logs})

    def on_train_batch_end(self, batch, logs=None):
        """Saves the model at Ctrl-C, and ends the training."""
        if self.interrupted:
            self.save_model(self.model, "interrupted.keras")
            done = len(self.history)
            print(f"\nInterrupted. The model is in {self.path('interrupted.keras')};")
            print(f"--resume goes on after epoch {done}." if done else "Start anew.")
            raise KeyboardInterrupt

    def on_test_batch_end(self, batch, logs=None):
        """Does the same during validation."""
        self.on_train_batch_end(batch, logs)

    @contextmanager
    def catching_ctrl_c(self):
        """Has the first Ctrl-C wait for the end of a step; the next one does not."""

        def interrupt(*_):
            self.interrupted = True
            signal.signal(signal.SIGINT, default)

        # Only the main thread may say what a signal does; and of several processes,
        # those that get none would wait for this one.
        in_main_thread = threading.current_thread() is threading.main_thread()
        if not in_main_thread or jax.process_count() > 1:
            yield
            return
        default = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, default)


def variables_of(model):
    """Lists all that training changes: weights, seeds, the optimizer's variables."""
    return [
        *model.trainable_variables,
        *model.non_trainable_variables,
        *model.optimizer.variables,
    ]


def read_about(folder):
    """Returns the arguments and the history of the training in a folder.

    Raises:
        InputError: If there is none.
    """
    path = Path(folder) / "checkpoint.npz"
    if not path.exists():
        raise InputError(
            f"There is no training in {folder}: start one without --resume."
        )
    try:
        with np.load(path) as saved:
            return json.loads(str(saved["about"]))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no checkpoint: {error}") from error


@contextmanager
def replacing(path):
    """Gives a path to write to, and puts it in the place of `path` when it is whole.

    Of several processes all must write, for Keras makes them wait for each other, but
    only what the first one wrote is kept.
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
