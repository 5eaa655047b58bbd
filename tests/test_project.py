"""Projects: `kscaffold new FOLDER` writes what trains on real data, and goes on."""

import csv
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from itertools import product
from pathlib import Path

import black
import keras
import numpy as np
import pytest
from black.files import infer_target_version
from click.testing import CliRunner
from matrix import (
    CHOICES,
    changing_options,
    golden_projects,
    identify,
    objectives,
    pairwise,
)

from scaffold import Spec, render, write
from scaffold.cli import main
from scaffold.errors import WriteError
from scaffold.header import parse_command
from scaffold.objective import TASKS
from scaffold.verify.file_import import import_file

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")

FILES = (
    *(".gitignore", "README.md", "pyproject.toml", "tests/test_model.py"),
    *(f"my_project/{name}.py" for name in ("__init__", "model", "data", "train")),
    *("my_project/checkpoint.py", "my_project/distribution.py"),
)

pytestmark = pytest.mark.usefixtures("plain_compiler")


def make(folder, name="my_project", **options):
    """Writes a project below a folder, and returns its path."""
    write(render(Spec(**options), str(folder / name)))
    return folder / name


def environ(**variables) -> dict:
    """Returns the environment, without the virtual devices of the tests."""
    return {**os.environ, "XLA_FLAGS": "", **variables}


def python(project, *words, wait=True, **variables):
    """Runs Python in a project; returns the process, with what it said."""
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
    """Runs a training, which must succeed; returns what it said."""
    done = python(project, "-m", "my_project.train", *arguments, **variables)
    assert done.returncode == 0, done.said
    return done.said


def saved(folder) -> dict:
    """Reads the arrays of a checkpoint, and the history."""
    with np.load(folder / "checkpoint.npz") as arrays:
        found = {name: arrays[name] for name in arrays if name != "about"}
        found["history"] = json.loads(str(arrays["about"]))["history"]
    return found


def same(first, second) -> bool:
    """Says whether two checkpoints are equal to the last bit."""
    keys = first.keys() == second.keys()
    return keys and all(np.array_equal(first[k], second[k]) for k in first)


@pytest.fixture
def imported(monkeypatch):
    """Returns a function that imports the package of a project, by its own name."""

    def load(project):
        monkeypatch.syspath_prepend(project)
        return importlib.import_module(f"{project.name}.train")

    policy = keras.config.dtype_policy()
    yield load
    keras.config.set_dtype_policy(policy)


# What is written.


@pytest.mark.parametrize("spec", [Spec(), Spec(task="multiclass", fuse_steps=True)])
def test_tree(tmp_path, spec):
    """The files are those of the tree, and the model is what `new model.py` writes."""
    result = CliRunner().invoke(
        main, ["new", str(tmp_path / "my_project"), *spec.arguments()]
    )

    assert 0 == result.exit_code, result.output
    project = tmp_path / "my_project"
    found = [p.relative_to(project) for p in project.rglob("*") if p.is_file()]
    assert sorted(FILES) == sorted(path.as_posix() for path in found)
    model = (project / "my_project" / "model.py").read_text()
    assert render(spec, "model.py")[0].text == model
    assert "python -m my_project.train" in result.stderr


def test_record():
    """The options are recorded, in a form that gives them back."""
    spec = Spec(task="binary", metric=("auc", "precision"), class_name="Été")
    files = {file.path.name: file.text for file in render(spec, "a/b/my_project")}

    record = tomllib.loads(files["pyproject.toml"])["tool"]["kscaffold"]

    assert spec.command("my_project") == record["command"]
    assert ("my_project", spec) == parse_command(record["command"])
    assert "a/b" not in "".join(files.values())


def few_specs() -> list[Spec]:
    """Lists specs with most of the texts that an option can change."""
    specs = [Spec(style=style, sample_weight=True) for style in CHOICES["style"]]
    specs += [Spec(task=task, sample_weight=True) for task in TASKS]
    specs += [Spec(fuse_steps=True, target_version=("py311", "py312"))]
    return specs + [Spec(line_length=length) for length in (50, 79, 100)]


def many_specs() -> list[Spec]:
    """Lists specs with every kind of targets, with weights and without."""
    return [
        replace(spec, sample_weight=weighted)
        for spec in data_specs()
        for weighted in (False, True)
    ]


@pytest.mark.parametrize(
    "specs", [few_specs, pytest.param(many_specs, marks=pytest.mark.exhaustive)]
)
def test_clean(tmp_path, specs):
    """Black and ruff have nothing to say of any tree, whatever its options and name."""
    for number, spec in enumerate(specs()):
        name = f"a_project_with_a_name_that_is_rather_long_{number}"
        files = write(render(spec, str(tmp_path / name)))
        settings = tomllib.loads((tmp_path / name / "pyproject.toml").read_text())
        # Black itself looks for the versions of Python in the same file.
        given = settings["tool"]["black"].get("target-version", ())
        versions = {black.TargetVersion[v.upper()] for v in given}
        mode = black.Mode(
            line_length=settings["tool"]["black"]["line-length"],
            target_versions=versions or set(infer_target_version(settings)),
        )
        for file in files:
            text = file.read_text(encoding="utf-8")
            assert text.endswith("\n") and not text.endswith("\n\n"), file
            assert "\n\n\n\n" not in text, file
            if file.suffix == ".py":
                assert text == black.format_str(text, mode=mode), (file, identify(spec))

    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", str(tmp_path)]
    done = subprocess.run(ruff, capture_output=True, text=True)

    assert 0 == done.returncode, done.stdout


def test_readme_lists_the_files_and_options():
    """The README names each file of a project, and each option of its training."""
    text = README.split("## A whole project")[1].split("## Commands")[0]
    files = {file.path.name: file.text for file in render(Spec(), "my_project")}
    flags = re.findall(r'add\("(--[a-z-]+)"', files["train.py"])

    assert {"--resume", "--model-parallel"} <= set(flags)
    for name in [*flags, *FILES]:
        assert name in text or name.endswith("__init__.py"), name
    own = files["README.md"]
    assert all(name in own or name in (".gitignore", "README.md") for name in FILES[:4])
    assert all(name in own for name in FILES[5:])


def test_versions():
    """A project asks for the versions of Keras and JAX that are tested here."""
    [text] = [
        f.text for f in render(Spec(), "my_project") if f.path.name == "pyproject.toml"
    ]
    wanted = tomllib.loads(text)["project"]["dependencies"]
    root = importlib.resources.files("scaffold.templates").parent
    ours = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    tested = [r for r in ours["optional-dependencies"]["jax"] if ">=" in r]

    for requirement in tested:
        name = requirement.split(">=")[0]
        if name == "jaxlib":
            continue  # JAX asks for its own
        [found] = [w for w in wanted if w.startswith(f"{name}>=")]
        lower, upper = found.split(",<")
        assert requirement == lower
        version = importlib.metadata.version(name).split(".")[:2]
        assert [int(n) for n in version] < [int(n) for n in upper.split(".")]


# What is refused.


def test_existing_files_are_refused(tmp_path, monkeypatch):
    """A folder may have hidden files, but no file that would be written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_project").mkdir()
    (tmp_path / "my_project" / ".notes").write_text("mine")
    mine = tmp_path / "my_project" / ".gitignore"
    mine.write_text("mine")

    result = CliRunner().invoke(main, ["new", "my_project"])

    assert 2 == result.exit_code
    assert "my_project/.gitignore already exists" in result.stderr
    assert "mine" == mine.read_text()
    assert 2 == len([p for p in tmp_path.rglob("*") if p.is_file()])
    mine.unlink()
    assert 0 == CliRunner().invoke(main, ["new", "my_project"]).exit_code
    assert "mine" == (tmp_path / "my_project" / ".notes").read_text()


@pytest.mark.parametrize("force", [False, True])
def test_all_or_nothing(tmp_path, monkeypatch, force):
    """When a file cannot be written, those before it are taken back."""
    from scaffold import writing

    files = render(Spec(), str(tmp_path / "new" / "my_project"))
    before = {}
    if force:
        write(files)
        (tmp_path / "new" / "my_project" / "README.md").write_text("mine")
        (tmp_path / "new" / "my_project" / "pyproject.toml").unlink()
        before = {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    publish = writing._publish

    def full(path, content, force):
        if path == files[-1].path and content == files[-1].text.encode():
            raise OSError(28, "No space left on device")
        publish(path, content, force)

    monkeypatch.setattr(writing, "_publish", full)
    with pytest.raises(WriteError, match="No space left"):
        write(files, force)

    assert before == {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert force or [] == list(tmp_path.iterdir())


def test_rollback_of_a_link(tmp_path, monkeypatch):
    """A link is taken back as a link, to what it pointed to or to nothing."""
    from scaffold import RenderedFile, writing

    (tmp_path / "there").write_text("mine")
    (tmp_path / "a").symlink_to(tmp_path / "there")
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    publish = writing._publish

    def full(path, content, force):
        if path.name == "c":
            raise OSError(28, "No space left on device")
        publish(path, content, force)

    monkeypatch.setattr(writing, "_publish", full)
    with pytest.raises(WriteError, match="No space left"):
        write([RenderedFile(tmp_path / name, "new") for name in "abc"], force=True)

    assert {"a", "b", "there"} == {path.name for path in tmp_path.iterdir()}
    assert "mine" == (tmp_path / "a").read_text()
    assert (tmp_path / "b").is_symlink() and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("name", "instead"),
    [("runs", "my_runs"), ("numpy-", "my_numpy"), ("pluggy", "my_pluggy")],
)
def test_suggested_names_are_accepted(name, instead, tmp_path, monkeypatch):
    """A name that git or Python would mistake is refused, with a better one."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["new", name])

    assert 2 == result.exit_code
    assert f"Name the project {instead}" in result.stderr
    assert 0 == CliRunner().invoke(main, ["new", instead]).exit_code


def test_in_the_current_folder(tmp_path, monkeypatch):
    """`new .` makes a project of the folder, under its name."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert 0 == CliRunner().invoke(main, ["new", "."]).exit_code
    assert (tmp_path / "here" / "here" / "model.py").exists()
    assert 0 == CliRunner().invoke(main, ["new", ".", "--check"]).exit_code
    assert (
        1 == CliRunner().invoke(main, ["new", ".", "--check", "--test-step"]).exit_code
    )


# Data.


def golden(task: str):
    """Returns the folder of the golden project of a task."""
    [path] = [p for p, spec in golden_projects().items() if spec.task == task]
    return path


BAD = {
    "nothing": (lambda x, y: (x, y), None),
    "NaN": (lambda x, y: (np.where(x > 0, np.nan, x), y), "x has NaN"),
    "infinite targets": (lambda x, y: (x, y + np.inf), "y has NaN or infinite"),
    "words": (lambda x, y: (x.astype("U"), y), "x is of type"),
    "no rows": (lambda x, y: (x[:0], y[:0]), "x is empty"),
    "fewer targets": (lambda x, y: (x, y[:-1]), "x has [0-9]+ rows, but y has"),
    "a row for all": (lambda x, y: (x[0], y[0]), "y is not an array"),
    "other features": (lambda x, y: (x[:, 1:], y), "that of the training part is"),
    "no features": (lambda x, y: (x[:, 0], y), r"shape \(samples, features\)"),
    "columns of targets": (lambda x, y: (x, np.stack([y, y], 1)), "y must (be|have)"),
    "classes from 1": (lambda x, y: (x, y + 1), "y has classes from 1|y must be 0"),
    "negative classes": (lambda x, y: (x, y - 1), "y has classes from -1|y must be 0"),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bad", BAD)
def test_bad_data(bad, task, monkeypatch):
    """What a model cannot train on is refused, and the message says what it is."""
    change, said = BAD[bad]
    if "classes" in bad and task == "regression":
        said = None
    data = import_package_module(golden(task), "data", monkeypatch)
    parts = data.load_data()

    assert {"train", "validation", "test"} == parts.keys()
    parts["validation"] = change(*parts["validation"])
    if said is None:
        data.check_data(parts)
        return
    with pytest.raises(ValueError, match=f"validation: .*({said})"):
        data.check_data(parts)


MISREAD = {
    "nothing": (lambda x, y: None, "must return arrays x and y"),
    "weights": (lambda x, y: (x, y, y), "must return arrays x and y"),
    "ragged": (lambda x, y: ([[1], [1, 2]], y), "must return arrays x and y"),
    "a number": (lambda x, y: (np.float64(1), y), "x is not an array"),
    "few rows": (lambda x, y: (x[:3], y[:3]), "too few to be split"),
    "a rare class": (
        lambda x, y: (x, np.where(np.arange(len(y)) < 3, 9, 0)),
        "class 9",
    ),
    "shares": (lambda x, y: (x, y / 2), "y must be integers"),
}


@pytest.mark.parametrize("read", MISREAD)
def test_what_is_read_is_checked(read, monkeypatch):
    """What `read_data()` returns is checked before it is split."""
    data = import_package_module(golden("multiclass"), "data", monkeypatch)
    change, said = MISREAD[read]
    x, y = data.read_data()
    monkeypatch.setattr(data, "read_data", lambda: change(x, y))

    with pytest.raises(ValueError, match=said):
        data.load_data()


def test_scaling(monkeypatch):
    """Constant columns stay finite, and large data of single precision are exact."""
    data = import_package_module(golden("regression"), "data", monkeypatch)
    x = np.full((1000, 1), 0.1)
    mean, deviation = data.scaling(x)
    assert 1 == deviation
    large = np.random.default_rng(0).normal(1000, 1, (2_000_000, 2)).astype("float32")
    mean, deviation = data.scaling(large)
    np.testing.assert_allclose(mean, 1000, atol=0.01)
    np.testing.assert_allclose(deviation, 1, atol=0.01)


def test_outputs_must_fit(monkeypatch, capsys, tmp_path):
    """A model whose outputs would be broadcast against the targets is refused."""
    train = import_package_module(golden("regression"), "train", monkeypatch)
    data = sys.modules["my_project.data"]
    x, y = data.read_data()
    monkeypatch.setattr(data, "read_data", lambda: (x[:, :9].reshape(-1, 3, 3), y))

    with pytest.raises(SystemExit):
        train.main(["--out", str(tmp_path / "out")])

    assert "build_model() makes outputs of shape" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_column_of_targets(task, monkeypatch):
    """Targets may be a column, as many files have them."""
    data = import_package_module(golden(task), "data", monkeypatch)
    x, y = data.read_data()
    monkeypatch.setattr(data, "read_data", lambda: (x.tolist(), y[:, None] > y.mean()))

    parts = data.load_data()
    data.check_data(parts)

    assert (len(parts["train"][0]), 1) == parts["train"][1].shape
    assert "float32" == parts["train"][1].dtype


def import_package_module(project, name, monkeypatch):
    """Imports a module of a golden project: they all have the same name."""
    monkeypatch.syspath_prepend(project)
    for module in [m for m in sys.modules if m.split(".")[0] == "my_project"]:
        monkeypatch.delitem(sys.modules, module)
    return importlib.import_module(f"my_project.{name}")


@pytest.mark.parametrize("task", TASKS)
def test_data(task, monkeypatch):
    """The parts have all rows once; the training part alone says how to scale."""
    data = import_package_module(golden(task), "data", monkeypatch)
    parts = data.load_data()
    x, y = data.read_data()

    assert len(x) == sum(len(part[0]) for part in parts.values())
    assert abs(len(parts["train"][0]) - 0.6 * len(x)) < 2
    features = parts["train"][0]
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
    assert set(np.round(features.std(axis=0), 3)) <= {0, 1}
    assert abs(parts["test"][0].mean(axis=0)).max() > 0.02
    again = data.load_data()
    assert all(
        np.array_equal(a, b)
        for name in parts
        for a, b in zip(parts[name], again[name], strict=True)
    )


def test_bad_data_at_the_command(tmp_path):
    """Bad data end a training before its first step, without a traceback."""
    project = make(tmp_path)
    path = project / "my_project" / "data.py"
    text = path.read_text()
    call = "datasets.load_diabetes(return_X_y=True)"
    path.write_text(
        text.replace(
            f"return {call}", f"x, y = {call}\n    x[7] = np.nan\n    return x, y"
        )
    )

    done = python(project, "-m", "my_project.train")

    assert 2 == done.returncode
    assert (
        "Error: data: x has NaN or infinite numbers in 1 rows, the first in row 7"
        in (done.said)
    )
    assert "Epoch" not in done.said and "Traceback" not in done.said
    assert not (project / "runs").exists()


# Training.

#: What the best model must reach on the test part, which nothing else has seen.
GOOD = {
    "regression": lambda test: test["loss"] < 0.7,  # the mean predictor has 1
    "binary": lambda test: test["binary_accuracy"] >= 0.95,
    "multiclass": lambda test: test["sparse_categorical_accuracy"] >= 0.95,
}


@pytest.mark.parametrize(
    "task",
    ["regression", pytest.param("binary", marks=pytest.mark.exhaustive)]
    + [pytest.param("multiclass", marks=pytest.mark.exhaustive)],
)
def test_quality(task, tmp_path):
    """A training as the README has it is good on the test part, and says so."""
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
        # The README shows this training, with manual metrics: the numbers are the same.
        shown = README.split("The best model, of epoch ")[1].split("\n")[1:5]
        numbers = [float(n) for line in shown[1:] for n in line.split()[1:]]
        assert header == shown[0].split()
        found = [value for values in results.values() for value in values.values()]
        np.testing.assert_allclose(found, numbers, rtol=0.2, atol=0.01)
    with open(out / "history.csv") as file:
        history = list(csv.DictReader(file))
    best = min(range(len(history)), key=lambda n: float(history[n]["val_loss"]))
    assert f"of epoch {best + 1}:" in said
    # What was evaluated is the model of that epoch, and not of the last one.
    val_loss = float(history[best]["val_loss"])
    assert results["validation"]["loss"] == pytest.approx(val_loss, abs=1e-4)
    # Early: not all of the 100 epochs, or all if the last ones were still better.
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
    """With each pair of options, a project learns, and its own tests pass."""
    write(render(spec, str(tmp_path / "my_project")))
    train(tmp_path / "my_project", "--epochs", "30", "--out", str(tmp_path / "out"))
    history = saved(tmp_path / "out")["history"]

    assert min(logs["val_loss"] for logs in history) < 0.8 * history[0]["val_loss"]
    # `kscaffold verify` on all options is what other tests are for.
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not verify"]
    done = python(tmp_path / "my_project", *tests)
    assert 0 == done.returncode, done.said
    assert "4 passed" in done.said


def data_specs() -> list[Spec]:
    """Lists a loss for each kind of targets, with weights."""
    found = {}
    for objective in objectives():
        if "metric" not in objective:
            spec = Spec(**objective, sample_weight=True)
            found.setdefault(spec.objective.targets, spec)
    return list(found.values())


@pytest.mark.exhaustive
@pytest.mark.parametrize("spec", data_specs(), ids=lambda s: s.objective.targets)
def test_targets(spec, tmp_path, imported):
    """There are data for each kind of targets, and a model learns from them."""
    name = f"project_of_{spec.objective.targets}"
    write(render(spec, str(tmp_path / name)))
    module = imported(tmp_path / name)
    module.main(["--epochs", "20", "--out", str(tmp_path / "out")])
    losses = [logs["val_loss"] for logs in saved(tmp_path / "out")["history"]]

    assert min(losses) < losses[0] - 0.1 * abs(losses[0])


@pytest.mark.exhaustive
def test_own_tests(tmp_path):
    """The tests of a project pass as they are, `kscaffold verify` among them."""
    project = make(tmp_path, task="multiclass", manual_metrics=True)

    start = time.monotonic()
    done = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")

    assert 0 == done.returncode, done.said
    assert "5 passed" in done.said and "skipped" not in done.said
    assert time.monotonic() - start < 120  # a minute, on a machine that is not busy


# Going on.

#: A model with dropout: the position of its random numbers must be saved, too.
DROPOUT = (
    "    outputs =",
    "    hidden = keras.layers.Dropout(0.3)(hidden)\n    outputs =",
)


def with_dropout(project):
    """Puts a Dropout layer into the model of a project."""
    path = project / "my_project" / "train.py"
    text = path.read_text()
    assert text.count(DROPOUT[0]) == 1
    path.write_text(text.replace(*DROPOUT))


def killed_after(project, epochs, *arguments):
    """Starts a training, and kills it when so many epochs are saved."""
    process = python(project, "-m", "my_project.train", *arguments, wait=False)
    history = project / "runs" / "history.csv"
    deadline = time.monotonic() + 120
    while not history.exists() or len(history.read_text().split("\n")) - 2 < epochs:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "options",
    [(), ("--mixed-precision", "float16"), ("--steps-per-execution", "8")],
    ids=["float32", "float16", "fused"],
)
def test_resume(tmp_path, options):
    """Two epochs, `kill -9`, and `--resume` to four: equal to four, to the last bit."""
    project = make(tmp_path, fuse_steps="--steps-per-execution" in options)
    with_dropout(project)
    killed_after(project, 2, "--epochs", "4", *options)
    assert 2 <= len(saved(project / "runs")["history"]) < 4

    said = train(project, "--resume")
    train(project, "--epochs", "4", "--out", "whole", *options)

    assert "Going on after epoch" in said
    resumed, whole = saved(project / "runs"), saved(project / "whole")
    assert 4 == len(resumed["history"])
    assert same(resumed, whole)
    best = [(project / out / "best.keras") for out in ("runs", "whole")]
    assert (
        len({(project / o / "history.csv").read_text() for o in ("runs", "whole")}) == 1
    )
    assert all(path.exists() for path in best)


@pytest.mark.exhaustive
def test_killed_between_files(tmp_path):
    """What was not written after the last checkpoint is written when it goes on."""
    project = make(tmp_path)
    train(project, "--epochs", "3")
    out = project / "runs"
    whole = (out / "history.csv").read_text()
    best = train(project, "--resume").split("of epoch ")[1]
    assert "3:" == best.split()[0]
    (out / "history.csv").write_text("".join(whole.splitlines(True)[:-1]))
    (out / "new-0-best.keras").write_text("half")
    (out / "best.keras").unlink()

    assert best == train(project, "--resume").split("of epoch ")[1]
    assert whole == (out / "history.csv").read_text()
    assert not [path for path in out.iterdir() if path.name.startswith("new-")]


@pytest.mark.exhaustive
@pytest.mark.parametrize("lost", ["the seeds", "the optimizer", "the order of samples"])
def test_resume_can_fail(tmp_path, lost):
    """A checkpoint that lacks something that training depends on is not exact."""
    project = make(tmp_path)
    with_dropout(project)
    path = project / "my_project" / "checkpoint.py"
    text = path.read_text()
    old, new = {
        "the seeds": ("        *model.non_trainable_variables,\n", ""),
        "the optimizer": ("        *model.optimizer.variables,\n", ""),
        "the order of samples": ('np.random.seed([self.arguments["seed"], epoch])', ""),
    }[lost]
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))

    train(project, "--epochs", "2")
    train(project, "--epochs", "4", "--resume")
    train(project, "--epochs", "4", "--out", "whole")

    assert not same(saved(project / "runs"), saved(project / "whole"))


@pytest.mark.exhaustive
def test_ctrl_c(tmp_path):
    """Ctrl-C saves the model and says where; a finished training is not begun again."""
    project = make(tmp_path)
    process = python(
        project,
        "-m",
        "my_project.train",
        "--patience",
        "1000000",
        "--epochs",
        "1000000",
        wait=False,
    )
    history = project / "runs" / "history.csv"
    while not history.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "Traceback" not in said
    assert "Interrupted. The model is in runs/interrupted.keras" in said
    done = len(saved(project / "runs")["history"])
    assert f"--resume goes on after epoch {done}." in said
    assert (project / "runs" / "interrupted.keras").stat().st_size > 1000
    assert not [p for p in (project / "runs").iterdir() if p.name.startswith("new-")]

    again = python(project, "-m", "my_project.train")
    assert 2 == again.returncode
    assert "Error: runs holds a training: go on with it (--resume)" in again.said
    other = python(project, "-m", "my_project.train", "--resume", "--batch-size", "8")
    assert 2 == other.returncode
    assert "leave out --batch-size: it was 32" in other.said
    said = train(project, "--resume", "--epochs", "1")
    assert "Epoch " not in said
    assert "The best model, of epoch" in said


# Many devices.


def losses(folder) -> np.ndarray:
    """Reads the losses of all epochs, for training and validation."""
    history = saved(folder)["history"]
    return np.array([[logs["loss"], logs["val_loss"]] for logs in history])


@pytest.fixture(scope="module")
def even(tmp_path_factory):
    """A project whose parts have rows for 8 devices, trained on one device."""
    project = make(tmp_path_factory.mktemp("even"), task="multiclass", fuse_steps=True)
    path = project / "my_project" / "data.py"
    text = path.read_text()
    old = "tuple(a[rows] for a in arrays)"
    assert text.count(old) == 1
    path.write_text(text.replace(old, "tuple(a[rows[:320]] for a in arrays)"))
    train(project, "--epochs", "3", "--out", "one", "--steps-per-execution", "1")
    return project


SPREAD = {
    "4, data": (4, "--data-parallel"),
    "8, data": (8, "--data-parallel"),
    "4, model": (4, "--model-parallel", "4"),
    "8, both": (8, "--data-parallel", "--model-parallel", "2"),
    "4, both, single": (
        *(4, "--data-parallel", "--model-parallel", "2"),
        *("--steps-per-execution", "1"),
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", SPREAD)
def test_devices(even, case):
    """On 4 and 8 virtual devices, losses and weights are those on one, to 1e-4.

    With fused steps, but for one case; on one device, the steps are single.
    """
    count, *arguments = SPREAD[case]
    out = case.replace(", ", "_")
    flags = f"--xla_force_host_platform_device_count={count}"

    train(even, "--epochs", "3", "--out", out, *arguments, XLA_FLAGS=flags)

    np.testing.assert_allclose(losses(even / "one"), losses(even / out), rtol=1e-4)
    one, many = saved(even / "one"), saved(even / out)
    for name in one.keys() - {"history"}:
        np.testing.assert_allclose(one[name], many[name], rtol=1e-3, atol=1e-4)


def test_share(monkeypatch):
    """Processes have different rows, all of one number, which devices can share."""
    module = import_package_module(golden("regression"), "distribution", monkeypatch)
    part = (np.arange(11), np.arange(11) * 2)
    shares = []
    monkeypatch.setattr(module.jax, "process_count", lambda: 2)
    for process in (0, 1):
        monkeypatch.setattr(module.jax, "process_index", lambda p=process: p)
        shares.append(module.share(part, 4))

    assert [4, 4] == [len(x) for x, _ in shares]
    assert list(range(8)) == sorted(n for x, _ in shares for n in x.tolist())
    assert all(np.array_equal(2 * x, y) for x, y in shares)
    with pytest.raises(ValueError, match="3 rows cannot be split over 4 devices"):
        module.share((np.arange(3),), 4)


@pytest.mark.exhaustive
def test_split(even):
    """Each weight is split along an axis that can be, and each batch is spread."""
    code = """
import jax, keras
from my_project import data, distribution, train
print(distribution.spread(True, 4))
model = train.build_model(data.load_data()["train"][0])
for v in model.variables:
    split = v.value.sharding
    print(v.path, v.shape, tuple(split.spec), len(split.device_set))
layout = keras.distribution.distribution().get_data_layout((8, 3))
print(layout.axes)
"""
    flags = "--xla_force_host_platform_device_count=8"
    said = python(even, "-c", code, XLA_FLAGS=flags).said

    assert said.startswith("2\n"), said
    assert "dense/kernel (64, 64) (None, 'model') 8" in said
    # Ten columns cannot be split into four.
    assert "dense_1/kernel (64, 10) ('model', None) 8" in said
    assert "dense/bias (64,) (None,) 8" in said
    assert "('batch', None)" in said


@pytest.mark.exhaustive
def test_two_processes(even):
    """Two processes train together, agree on every weight, and go on exactly."""
    code = """
import sys, numpy as np
from my_project import checkpoint, train
args = train.parse(sys.argv[2:])
model, data, saver = train.prepare(args)
train.train(args, model, data, saver)
np.savez(sys.argv[1], *[np.asarray(v.value) for v in checkpoint.variables_of(model)])
"""

    def together(out, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        words = ["-c", code]
        common = ["--out", out, "--coordinator", address, "--num-processes", "2"]
        processes = [
            python(
                even,
                *words,
                f"{out}_{i}.npz",
                *common,
                "--process-id",
                str(i),
                *arguments,
                wait=False,
            )
            for i in (0, 1)
        ]
        said = [process.communicate(timeout=200)[0] for process in processes]
        assert [0, 0] == [process.returncode for process in processes], said
        # The first one alone shows the training and the table.
        assert "The best model" in said[0] and "The best model" not in said[1]
        weights = [np.load(even / f"{out}_{i}.npz") for i in (0, 1)]
        assert len(weights[0]) > 4
        assert same(*(dict(w) for w in weights))

    together("two", "--epochs", "2")
    together("two", "--epochs", "3", "--resume")
    together("whole", "--epochs", "3")

    assert same(saved(even / "two"), saved(even / "whole"))
    # Other batches than those of one process, from the same samples.
    np.testing.assert_allclose(losses(even / "one"), losses(even / "two"), rtol=0.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch-size", "6", "--data-parallel"], "must be a multiple of 4"),
        (["--model-parallel", "3"], "does not divide the number of devices, 4"),
        (["--coordinator", "a:1"], "also need --num-processes, --process-id"),
        (
            "--coordinator a --num-processes 2 --process-id 1".split(),
            "--coordinator must be HOST:PORT, not a",
        ),
        (["--resume"], "There is no training in"),
        (["--epochs", "0"], "0 is not above 0"),
        (["--seed", "-1"], "-1 is not from 0 to"),
        (
            "--coordinator a:1 --num-processes 2 --process-id 2".split(),
            "--process-id must be below 2",
        ),
    ],
)
def test_arguments(arguments, said, monkeypatch, capsys, tmp_path):
    """Arguments that cannot be are refused before anything is done."""
    train = import_package_module(golden("regression"), "train", monkeypatch)
    distribution = keras.distribution.distribution()
    try:
        with pytest.raises(SystemExit) as error:
            train.main([*arguments, "--out", str(tmp_path / "out")])
    finally:
        keras.distribution.set_distribution(distribution)

    assert 2 == error.value.code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_golden_models_are_importable():
    """The model of each golden project is the class that its options say."""
    for path, spec in golden_projects().items():
        module = import_file(str(path / "my_project" / "model.py"))
        assert hasattr(module, spec.class_name)


def test_combinations_are_covered():
    """Each pair of values of two options is in a project that is trained."""
    specs = project_specs()
    options = [o.name for o in changing_options()]
    for a, b in product(["task", "style", *options], repeat=2):
        if a < b:
            values = {(getattr(s, a), getattr(s, b)) for s in specs}
            expected = len({x for x, _ in values}) * len({y for _, y in values})
            assert expected == len(values), (a, b)
