"""Projects train: their models are good, and their own tests pass."""

import csv
import time
from importlib import metadata
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from matrix import CHOICES, changing_options, identify, pairwise
from running_projects import (
    data_specs,
    golden,
    import_module,
    make,
    python,
    saved,
    train,
)

from scaffold import Spec, render, write
from scaffold.verify.file_import import import_file

ROOT = Path(__file__).parent.parent.parent
DOCS = (ROOT / "docs" / "projects.md").read_text(encoding="utf-8")


#: What the best model must reach on the test split, which the training never sees.
GOOD = {
    "regression": lambda test: test["loss"] < 0.7,  # the mean predictor has 1
    "binary": lambda test: test["binary_accuracy"] >= 0.95,
    "multiclass": lambda test: test["sparse_categorical_accuracy"] >= 0.95,
}


@pytest.mark.parametrize(
    "task",
    ["regression", "binary", "multiclass"],
)
@pytest.mark.exhaustive
def test_quality(task, tmp_path):
    """A training as in the README is good on the test split, and prints its metrics."""
    project = make(tmp_path, task=task)
    said = train(project)

    out = project / "runs"
    names = {"best.keras", "history.csv", "curves.png", "checkpoint.npz"}
    assert names == {path.name for path in out.iterdir()}
    header, *rows = [
        line.split() for line in said.split("of epoch ")[1].split("\n")[1:5]
    ]
    results = {
        name: dict(zip(header, map(float, numbers), strict=True))
        for name, *numbers in rows
    }
    assert ["train", "validation", "test"] == [*results]
    assert GOOD[task](results["test"]), said
    if task == "multiclass":
        # The docs show this training with manual metrics, which has the same numbers.
        shown = DOCS.split("The best model, of epoch ")[1].split("\n")[1:5]
        numbers = [float(n) for line in shown[1:] for n in line.split()[1:]]
        assert header == shown[0].split()
        found = [value for values in results.values() for value in values.values()]
        np.testing.assert_allclose(found, numbers, rtol=0.2, atol=0.01)
    with open(out / "history.csv") as file:
        history = list(csv.DictReader(file))
    best = min(range(len(history)), key=lambda n: float(history[n]["val_loss"]))
    assert f"of epoch {best + 1}:" in said
    # The evaluated model is the best one, not the last one.
    val_loss = float(history[best]["val_loss"])
    assert results["validation"]["loss"] == pytest.approx(val_loss, abs=1e-4)
    # It stopped after 10 epochs without improvement, or after all 100.
    assert len(history) == min(100, best + 1 + 10)
    assert b"\x89PNG" == (out / "curves.png").read_bytes()[:4]


def project_specs() -> list[Spec]:
    """Covers each pair of a task, a style and the options that change the class."""
    factors = {name: list(CHOICES[name]) for name in ("task", "style")}
    factors |= {option.name: [False, True] for option in changing_options()}
    return [Spec(**row) for row in pairwise(factors)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("spec", project_specs(), ids=identify)
def test_pairs(spec, tmp_path):
    """For each pair of options, a project learns, and its own tests pass."""
    write(render(spec, str(tmp_path / "my_project")))
    train(tmp_path / "my_project", "--epochs", "30", "--out", str(tmp_path / "out"))
    history = saved(tmp_path / "out")["history"]

    assert min(logs["val_loss"] for logs in history) < 0.8 * history[0]["val_loss"]
    # Other tests run `kscaffold verify` for all options.
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not verify"]
    done = python(tmp_path / "my_project", *tests)
    assert 0 == done.returncode, done.said
    assert "4 passed" in done.said


def test_combinations_are_covered():
    """Each pair of values of two options occurs in a project that is trained."""
    specs = project_specs()
    options = [o.name for o in changing_options()]
    for a, b in product(["task", "style", *options], repeat=2):
        if a < b:
            values = {(getattr(s, a), getattr(s, b)) for s in specs}
            expected = len({x for x, _ in values}) * len({y for _, y in values})
            assert expected == len(values), (a, b)


@pytest.mark.exhaustive
@pytest.mark.parametrize("spec", data_specs(), ids=lambda s: s.objective.targets)
def test_targets(spec, tmp_path, imported):
    """Each kind of targets has data, and a model learns from them."""
    name = f"project_of_{spec.objective.targets}"
    write(render(spec, str(tmp_path / name)))
    module = imported(tmp_path / name)
    module.main(["--epochs", "20", "--out", str(tmp_path / "out")])
    losses = [logs["val_loss"] for logs in saved(tmp_path / "out")["history"]]

    assert min(losses) < losses[0] - 0.1 * abs(losses[0])


@pytest.mark.exhaustive
def test_own_tests(tmp_path):
    """The tests of a project pass, `kscaffold verify` included."""
    project = make(tmp_path, task="multiclass", manual_metrics=True)

    start = time.monotonic()
    done = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")

    assert 0 == done.returncode, done.said
    assert "5 passed" in done.said and "skipped" not in done.said
    assert time.monotonic() - start < 120  # a minute, on a machine that is not busy


def test_own_tests_ask_for_the_distribution(monkeypatch):
    """Without kscaffold, a project's test of the step is skipped, and says what to do.

    Another distribution with a module named `scaffold` does not count.
    """
    path = golden("regression") / "tests" / "test_model.py"
    import_module(golden("regression"), "train", monkeypatch)
    asked = []

    def version(name):
        asked.append(name)
        raise metadata.PackageNotFoundError(name)

    assert find_spec("scaffold")
    [mark] = import_file(str(path)).test_verify.pytestmark
    assert (False,) == mark.args
    monkeypatch.setattr(metadata, "version", version)
    [mark] = import_file(str(path)).test_verify.pytestmark

    assert (True,) == mark.args
    assert {"kscaffold"} == set(asked)
    install = "pip install PATH_TO_KSCAFFOLD"
    assert install in mark.kwargs["reason"]
    assert install in (golden("regression") / "README.md").read_text()


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_other_backend(words, tmp_path):
    """Another backend is refused before Keras is imported, which would fail."""
    project = make(tmp_path)
    variables = {"KERAS_BACKEND": "a_backend_that_is_not_installed"}

    done = python(project, "-m", "my_project.train", *words, **variables)
    imported = python(project, "-c", "import my_project.train", **variables)

    message = "The model trains on JAX. Set KERAS_BACKEND=jax, or unset it.\n"
    assert (2, f"Error: {message}") == (done.returncode, done.said)
    assert imported.said.endswith(f"InputError: {message}")


def test_mixed_precision_shows_its_values(monkeypatch):
    """The help lists the values of `--mixed-precision`, and the README uses one."""
    options = import_module(golden("regression"), "options", monkeypatch)
    readme = (golden("regression") / "README.md").read_text()

    assert "--mixed-precision {float16,bfloat16}" in options.make_parser().format_help()
    [command] = [line for line in readme.split("\n") if "--mixed-precision b" in line]
    arguments = command.split("my_project.train ")[1].split()
    assert "bfloat16" == options.parse(arguments).mixed_precision
