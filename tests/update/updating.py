"""Writes, edits, updates and trains modules, for tests."""

import importlib.util
import runpy
from pathlib import Path

import keras
import numpy as np
from click.testing import CliRunner
from matrix import text

from scaffold import Spec
from scaffold.cli import main
from scaffold.update.blocks import blocks_of
from scaffold.update.option_changes import OptionChanges
from scaffold.update.update_targets import plan_update

NAME = "custom_model.py"

MINE = (
    "        return logs, (",
    "        # My line.\n        return logs, (",
)

#: An edit of a line that `--manual-loss` removes.
IN_THE_WAY = ("For a loss of your own,", "For a loss of their own,")


def invoke(*arguments):
    """Runs kscaffold in this process."""
    result = CliRunner().invoke(main, [str(word) for word in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def update(*arguments, code=0):
    """Runs `kscaffold update`, and returns its messages."""
    result = invoke("update", *arguments)
    assert code == result.exit_code, result.output
    return result.stderr


def make(spec: Spec, name=NAME) -> Path:
    """Writes the module of a spec."""
    Path(name).write_text(text(spec, name), encoding="utf-8")
    return Path(name)


def edit(path: Path, *edits: tuple[str, str]) -> None:
    """Replaces parts of a file, each of which must occur once."""
    content = path.read_text(encoding="utf-8")
    for old, new in edits:
        assert content.count(old) == 1, (old, content.count(old))
        content = content.replace(old, new)
    path.write_text(content, encoding="utf-8")


def load(path: Path):
    """Imports a file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_trains(path: Path, spec: Spec, eagerly: bool = False) -> None:
    """Trains the class of a module, and checks that its weights change."""
    cls = getattr(load(path), spec.class_name)
    objective = spec.objective
    if spec.style == "functional":
        inputs = keras.Input((4,))
        model = cls(inputs, keras.layers.Dense(objective.width)(inputs))
    elif spec.style == "sequential":
        model = cls([keras.Input((4,)), keras.layers.Dense(objective.width)])
    else:
        model = cls()
    how, names = {}, {"keras": keras}
    if not spec.manual_loss:
        how["loss"] = eval(objective.loss.argument, names)
    if not spec.manual_metrics:
        how["metrics"] = [eval(m.argument, names) for m in objective.metrics]
    model.compile(optimizer="sgd", run_eagerly=eagerly, **how)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    y = np.arange(8).reshape(8, 1) % 2
    model(x)  # makes the variables
    before = model.get_weights()
    size = 8 if eagerly else 4
    history = model.fit(
        x, y, batch_size=size, verbose=0, validation_data=(x, y)
    ).history

    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(history["val_loss"]).all()
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def run_demo(path: Path) -> dict:
    """Runs a file as a script in this process, and returns its results."""
    return runpy.run_path(str(path), run_name="__main__")["results"]


def plain_update(path: Path, change: dict) -> tuple[str, tuple]:
    """Updates a module without writing it."""
    [file] = plan_update(str(path), OptionChanges(change)).files
    return file.text, file.conflicts


def conflicting() -> Path:
    """Writes a module with an edit that conflicts with `--manual-loss`."""
    path = make(Spec())
    edit(path, IN_THE_WAY)
    return path


def behind(method: str, lines: str):
    """Returns an edit that adds lines at the end of a method of the class."""

    def add(source: str) -> str:
        block = blocks_of(source)[f"CustomModel.{method}"]
        body = "\n".join(block)
        assert 1 == source.count(body)
        return source.replace(body, f"{body}\n{lines}")

    return add


def above(line: str, lines: str):
    """Returns an edit that adds lines above a line that occurs once."""

    def add(source: str) -> str:
        assert 1 == source.count(f"\n{line}")
        return source.replace(f"\n{line}", f"\n{lines}\n{line}")

    return add
