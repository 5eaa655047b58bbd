"""The checks of a ported step, and how a side reports that it is done."""

from pathlib import Path
from typing import NamedTuple


class Check(NamedTuple):
    """A check of a ported step."""

    name: str
    group: str = "ported"


RANDOM_NUMBERS = Check("random numbers")
TRAIN_STEPS = Check("train steps")
OPTIMIZERS = Check("optimizers")
EVALUATION = Check("evaluation")
LOG_NAMES = Check("log names")

#: What a side begins when its results are written.
RESULTS = "results"


def results_file(folder: str | Path, side: str) -> Path:
    """Returns the file for the results of a side, `port` or `original`."""
    return Path(folder) / f"{side}.npz"
