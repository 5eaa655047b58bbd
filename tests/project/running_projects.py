"""Writes, imports, runs and reads projects, for tests."""

import importlib
import json
import os
import subprocess
import sys

import numpy as np
from matrix import golden_projects, objectives

from scaffold import Spec, render, write

#: The modules of the package.
MODULES = (
    *("__init__", "checkpoint", "checkpoint_file", "data", "distribution"),
    *("interrupt", "model", "options", "out_folder", "processes", "report"),
    *("shuffled_batches", "train"),
)
#: The files of a project.
FILES = (
    *(".gitignore", "README.md", "pyproject.toml", "tests/test_model.py"),
    *(f"my_project/{name}.py" for name in MODULES),
)


def make(folder, name="my_project", **options):
    """Writes a project into a folder, and returns its path."""
    write(render(Spec(**options), str(folder / name)))
    return folder / name


def golden(task: str):
    """Returns the folder of a task's golden project."""
    [path] = [p for p, spec in golden_projects().items() if spec.task == task]
    return path


def import_module(project, name, monkeypatch):
    """Imports a module of a golden project. All of them have the same name."""
    monkeypatch.syspath_prepend(project)
    for module in [m for m in sys.modules if m.split(".")[0] == "my_project"]:
        monkeypatch.delitem(sys.modules, module)
    return importlib.import_module(f"my_project.{name}")


def data_specs() -> list[Spec]:
    """Lists a loss for each kind of targets, with weights."""
    found = {}
    for objective in objectives():
        if "metric" not in objective:
            spec = Spec(**objective, sample_weight=True)
            found.setdefault(spec.objective.targets, spec)
    return list(found.values())


def environ(**variables) -> dict:
    """Returns the environment, without the virtual devices of the tests."""
    return {**os.environ, "XLA_FLAGS": "", **variables}


def python(project, *words, wait=True, **variables):
    """Runs Python in a project. Returns the process, with its output as `said`."""
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=project,
        env=environ(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if wait:
        process.said, _ = process.communicate(timeout=300)
    return process


def train(project, *arguments, **variables):
    """Runs a training, which must succeed. Returns its output."""
    done = python(project, "-m", "my_project.train", *arguments, **variables)
    assert done.returncode == 0, done.said
    return done.said


def contents(folder) -> dict:
    """Returns the bytes of the files in a folder. Other entries have none."""
    return {p.name: p.is_file() and p.read_bytes() for p in folder.iterdir()}


def saved(folder) -> dict:
    """Reads the arrays and the history of a checkpoint."""
    with np.load(folder / "checkpoint.npz") as arrays:
        found = {name: arrays[name] for name in arrays if name != "about"}
        found["history"] = json.loads(str(arrays["about"]))["history"]
    return found


def same(first, second) -> bool:
    """Whether two checkpoints are equal to the last bit."""
    keys = first.keys() == second.keys()
    return keys and all(np.array_equal(first[k], second[k]) for k in first)


def losses(folder) -> np.ndarray:
    """Reads the training and the validation loss of each epoch."""
    history = saved(folder)["history"]
    return np.array([[logs["loss"], logs["val_loss"]] for logs in history])
