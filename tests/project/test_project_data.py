"""The data of a project: splits, scaling, and the checks of bad data."""

import sys

import numpy as np
import pytest
from running_projects import golden, import_module, make, python

from scaffold.objective import TASKS

BAD = {
    "nothing": (lambda x, y: (x, y), None),
    "NaN": (lambda x, y: (np.where(x > 0, np.nan, x), y), "x has NaN"),
    "infinite targets": (lambda x, y: (x, y + np.inf), "y has NaN or infinite"),
    "words": (lambda x, y: (x.astype("U"), y), "x is of type"),
    "complex numbers": (lambda x, y: (x + 0j, y), "x is of type complex"),
    "complex targets": (lambda x, y: (x, y + 1j), "y is of type complex"),
    "durations": (lambda x, y: (x.astype("m8[s]"), y), "x is of type timedelta"),
    "large integers": (
        lambda x, y: (np.full_like(x, 10**40, dtype=object), y),
        "x is of type object, not real numbers",
    ),
    "beyond float32": (
        lambda x, y: (np.where(x > 0, -1e39, x.astype("float64")), y),
        r"x has values beyond float32. Rows: [0-9]+. First row: [0-9]+\.",
    ),
    "targets beyond float32": (
        lambda x, y: (x, np.full(len(y), 1e39)),
        "y has values beyond",
    ),
    "zero features": (lambda x, y: (x[:, :0], y), r"x is of shape .*, 0\), without"),
    "zero targets": (lambda x, y: (x, y.reshape(-1, 1)[:, :0]), "y is of shape .*0"),
    "no rows": (lambda x, y: (x[:0], y[:0]), "x is empty"),
    "fewer targets": (lambda x, y: (x, y[:-1]), "x has [0-9]+ rows, but y has"),
    "a row for all": (lambda x, y: (x[0], y[0]), "y is not an array"),
    "other features": (lambda x, y: (x[:, 1:], y), "but x of the training split has"),
    "no features": (lambda x, y: (x[:, 0], y), r"shape \(samples, features\)"),
    "columns of targets": (lambda x, y: (x, np.stack([y, y], 1)), "y must (be|have)"),
    "classes from 1": (lambda x, y: (x, y + 1), "y has classes from 1|y must be 0"),
    "negative classes": (lambda x, y: (x, y - 1), "y has classes from -1|y must be 0"),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bad", BAD)
def test_bad_data(bad, task, monkeypatch):
    """Data that a model cannot train on are refused, with a message that says why."""
    change, said = BAD[bad]
    if "classes" in bad and task == "regression":
        said = None
    data = import_module(golden(task), "data", monkeypatch)
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
    "few rows": (lambda x, y: (x[:3], y[:3]), "too few for three splits"),
    "a rare class": (
        lambda x, y: (x, np.where(np.arange(len(y)) < 3, 9, 0)),
        "class 9",
    ),
    "shares": (lambda x, y: (x, y / 2), "y must be integers"),
    "complex numbers": (lambda x, y: (x + 1j, y), "data: x is of type complex128"),
    "zero features": (lambda x, y: (x[:, :0], y), r"x is of shape \(1797, 0\)"),
    "beyond float32": (lambda x, y: (x * 1e38, y), "data: x has values beyond float32"),
    "integers beyond float32": (
        lambda x, y: ([[10**40]] * len(y), y),
        "data: x is of type object, not real numbers",
    ),
}


@pytest.mark.parametrize("read", MISREAD)
def test_what_is_read_is_checked(read, monkeypatch):
    """The return value of `read_data()` is checked before it is split."""
    data = import_module(golden("multiclass"), "data", monkeypatch)
    change, said = MISREAD[read]
    x, y = data.read_data()
    monkeypatch.setattr(data, "read_data", lambda: change(x, y))

    with pytest.raises(ValueError, match=said):
        data.load_data()


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("of", ["x", "y"])
def test_scaled_data_are_checked(of, monkeypatch):
    """Values that become infinite by the scaling are refused, with their rows."""
    data = import_module(golden("regression"), "data", monkeypatch)
    x, y = data.read_data()
    row = data.split(y)["test"][0]
    small = {"x": (x * 1e-20, y), "y": (x, y * 1e-20)}[of]
    (small[0][row, 0:1] if of == "x" else small[1][row : row + 1]).fill(1e30)
    monkeypatch.setattr(data, "read_data", lambda: small)

    with pytest.raises(ValueError) as error:
        data.load_data()

    assert (
        f"scaled data: {of} has NaN or infinite values. Rows: 1. First row: {row}."
    ) == str(error.value)


def test_limits_of_float32(monkeypatch):
    """The largest values of float32 and of integers are accepted."""
    data = import_module(golden("regression"), "data", monkeypatch)
    largest = np.finfo("float32").max
    integers = [np.iinfo(t).min for t in ("int8", "int64")] + [2**64 - 1]
    for value in (largest, -largest, np.float16(1), True, *map(np.asarray, integers)):
        data.check_split("data", np.full((3, 2), value), np.ones(3))


ERRORS = {
    "No such file or directory: 'rows.csv'": lambda: open("rows.csv"),
    "Is a directory: '.'": lambda: open("."),
    "rows.csv not found": lambda: np.loadtxt("rows.csv"),
}


@pytest.mark.parametrize("said", ERRORS)
def test_files_that_cannot_be_read(said, monkeypatch, capsys, tmp_path):
    """An OSError in `read_data()` ends a training with a message."""
    train = import_module(golden("regression"), "train", monkeypatch)
    monkeypatch.setattr(sys.modules["my_project.data"], "read_data", ERRORS[said])
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as error:
        train.main([])

    assert 2 == error.value.code
    message = capsys.readouterr().err
    assert message.startswith("Error: read_data() failed: ")
    assert message.endswith(
        f"{said}. Check the files that it reads. Relative paths start at {tmp_path}.\n"
    )
    assert [] == list(tmp_path.iterdir())


def test_other_errors_keep_their_traceback(monkeypatch, tmp_path):
    """Other errors in `read_data()` are the user's to debug."""
    train = import_module(golden("regression"), "train", monkeypatch)
    monkeypatch.setattr(sys.modules["my_project.data"], "read_data", lambda: {}["x"])

    with pytest.raises(KeyError):
        train.main(["--out", str(tmp_path / "out")])

    assert not (tmp_path / "out").exists()


def test_scaling(monkeypatch):
    """Constant columns stay finite, and large data in single precision are exact."""
    data = import_module(golden("regression"), "data", monkeypatch)
    x = np.full((1000, 1), 0.1)
    mean, deviation = data.scaling(x)
    assert 1 == deviation
    large = np.random.default_rng(0).normal(1000, 1, (2_000_000, 2)).astype("float32")
    mean, deviation = data.scaling(large)
    np.testing.assert_allclose(mean, 1000, atol=0.01)
    np.testing.assert_allclose(deviation, 1, atol=0.01)


def test_outputs_must_fit(monkeypatch, capsys, tmp_path):
    """A model whose outputs Keras would broadcast against the targets is refused."""
    train = import_module(golden("regression"), "train", monkeypatch)
    data = sys.modules["my_project.data"]
    x, y = data.read_data()
    monkeypatch.setattr(data, "read_data", lambda: (x[:, :9].reshape(-1, 3, 3), y))

    with pytest.raises(SystemExit):
        train.main(["--out", str(tmp_path / "out")])

    assert (
        "build_model() returns a model with outputs of shape" in capsys.readouterr().err
    )


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_column_of_targets(task, monkeypatch):
    """Targets may be a column."""
    data = import_module(golden(task), "data", monkeypatch)
    x, y = data.read_data()
    monkeypatch.setattr(data, "read_data", lambda: (x.tolist(), y[:, None] > y.mean()))

    parts = data.load_data()
    data.check_data(parts)

    assert (len(parts["train"][0]), 1) == parts["train"][1].shape
    assert "float32" == parts["train"][1].dtype


@pytest.mark.parametrize("task", TASKS)
def test_data(task, monkeypatch):
    """The splits have each row once. The scaling comes from the training split."""
    data = import_module(golden(task), "data", monkeypatch)
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
    assert "Error: data: x has NaN or infinite values. Rows: 1. First row: 7." in (
        done.said
    )
    assert "Epoch" not in done.said and "Traceback" not in done.said
    assert not (project / "runs").exists()
