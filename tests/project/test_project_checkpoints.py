"""A checkpoint that cannot be restored is refused, and stays as it is."""

import io
import json
import pickle
import shutil
import sys
import zipfile

import keras
import numpy as np
import pytest
from running_projects import contents, golden, import_module


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a training of one epoch."""
    out = tmp_path_factory.mktemp("trained") / "out"
    with pytest.MonkeyPatch.context() as monkeypatch:
        train = import_module(golden("regression"), "train", monkeypatch)
        train.main(["--epochs", "1", "--out", str(out)])
    return out


@pytest.fixture
def out(trained, tmp_path):
    """A copy of the folder."""
    return shutil.copytree(trained, tmp_path / "out")


def rewrite(path, about=None, **changed):
    """Writes a checkpoint with some changes. Arrays that are `None` are left out."""
    with np.load(path) as saved:
        arrays = dict(saved) | {f"{name:0>5}": a for name, a in changed.items()}
    if about is not None:
        arrays["about"] = about
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})


def write_members(path, change):
    """Writes the files of a checkpoint's archive, changed by `change(name, data)`."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, change(name, data))


def flip(path):
    """Changes a byte in the middle of each of an archive's files."""
    data = bytearray(path.read_bytes())
    for number in range(200, len(data) - 400, 97):
        data[number] ^= 255
    path.write_bytes(data)


def npy(array):
    """Returns the bytes of a file of an array."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def fewer_bytes(name, data):
    """Returns the first half of a large array's bytes."""
    return data[: len(data) // 2] if len(data) > 1000 else data


def compressed_and_cut(path):
    """Writes a compressed archive, of which a part in the middle is missing."""
    with np.load(path) as saved:
        np.savez_compressed(path, **saved)
    data = path.read_bytes()
    path.write_bytes(data[:500] + bytes(2000) + data[2500:])


OTHER_FILES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
    "a byte": lambda path: path.write_bytes(b"P"),
    "the start of an archive": lambda path: path.write_bytes(b"PK\x03\x04"),
    "random bytes": lambda path: path.write_bytes(
        np.random.default_rng(0).bytes(10_000)
    ),
    "text": lambda path: path.write_text("a text\n" * 100),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"about": 1})),
    "npy": lambda path: path.write_bytes(npy(np.ones(3))),
    "huge npy": lambda path: path.write_bytes(
        npy(np.ones(3)).replace(b"(3,), }            ", b"(3000000000000,), }")
    ),
    "objects in npy": lambda path: path.write_bytes(npy(np.array([{}]))),
    "empty archive": lambda path: zipfile.ZipFile(path, "w").close(),
    "another npz": lambda path: np.savez(path, x=np.ones(3)),
    "another archive": lambda path: write_members(path, lambda name, data: b"text"),
    "flipped bytes": flip,
    "compressed and cut": compressed_and_cut,
    "objects": lambda path: rewrite(path, about=np.array({"arguments": {}})),
    "fewer bytes": lambda path: write_members(path, fewer_bytes),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_other_files(kind, out, monkeypatch, capsys):
    """A file that is no readable checkpoint is refused, whatever it is."""
    OTHER_FILES[kind](out / "checkpoint.npz")

    said = refused(out, monkeypatch, capsys)

    assert f"Error: {out / 'checkpoint.npz'} is not a checkpoint" in said


def change_history(path, change):
    """Changes the history of a checkpoint."""
    about = read(path)
    about["history"] = change(about["history"])
    rewrite(path, json.dumps(about))


def read(path):
    """Returns the arguments and the history of a checkpoint."""
    with np.load(path) as saved:
        return json.loads(str(saved["about"]))


ABOUT = {
    "no JSON": "arguments",
    "no text": "",
    "a number": "1",
    "a list": "[]",
    "deeply nested": "[" * 100_000 + "]" * 100_000,
    "a long number": "9" * 5000,
    "no arguments": '{"history": []}',
    "no history": '{"arguments": {}}',
    "an array": np.arange(3),
}
HISTORIES = {
    "nothing": lambda history: None,
    "empty": lambda history: [],
    "a dict": lambda history: history[0],
    "lists": lambda history: [[1.0]],
    "words": lambda history: [{**history[0], "val_loss": "low"}],
    "no number": lambda history: [{**history[0], "loss": None}],
    "a boolean": lambda history: [{**history[0], "loss": True}],
    "an integer beyond floats": lambda history: [{**history[0], "loss": 10**400}],
    "no loss": lambda history: [{"val_loss": 1.0}],
    "no val_loss": lambda history: [*history, {"loss": 1.0}],
}


@pytest.mark.parametrize("kind", [*ABOUT, *HISTORIES])
def test_broken_about(kind, out, monkeypatch, capsys):
    """Arguments and a history of other types than the saved ones are refused."""
    path = out / "checkpoint.npz"
    if kind in ABOUT:
        rewrite(path, ABOUT[kind])
    if kind in HISTORIES:
        change_history(path, HISTORIES[kind])

    said = refused(out, monkeypatch, capsys)

    assert f"{path} is not a checkpoint of this project. It is damaged" in said


def test_history_may_diverge(out, monkeypatch):
    """A training can save losses that are not finite."""
    values = {"loss": float("nan"), "val_loss": float("inf")}
    change_history(out / "checkpoint.npz", lambda history: [*history, values])
    file = import_module(golden("regression"), "checkpoint_file", monkeypatch)

    _, history = file.read_about(out)

    assert 2 == len(history)


ARGUMENTS = {
    "negative": ({"batch_size": -1}, "argument --batch-size: -1 is not above 0"),
    "a word": ({"batch_size": "x"}, "argument --batch-size: invalid positive value"),
    "a number in quotes": ({"batch_size": "32"}, "wrong types"),
    "a fraction": ({"epochs": 1.5}, "argument --epochs: invalid positive value"),
    "a float": ({"epochs": 1.0}, "argument --epochs: invalid positive value"),
    "null": ({"patience": None}, "wrong types"),
    "a flag with a number": ({"data_parallel": 1}, "ignored explicit argument"),
    "a number as a flag": ({"steps_per_execution": True}, "expected one argument"),
    "a seed as a flag": ({"seed": False}, "wrong types"),
    "a large seed": ({"seed": 2**32}, "argument --seed: 4294967296 is not from 0 to"),
    "a list": ({"seed": [1]}, "argument --seed: invalid natural value"),
    "an unknown precision": ({"mixed_precision": "int8"}, "invalid choice: 'int8'"),
    "no precision": ({"mixed_precision": False}, "wrong types"),
    "zero groups": ({"model_parallel": 0}, "argument --model-parallel: 0 is not above"),
    "one more": ({"rate": 1}, "incomplete or of wrong types"),
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_wrong_arguments(kind, out, monkeypatch, capsys):
    """Recorded options are checked like typed ones."""
    path = out / "checkpoint.npz"
    about = read(path)
    changed, problem = ARGUMENTS[kind]
    about["arguments"] |= changed
    rewrite(path, json.dumps(about))

    said = refused(out, monkeypatch, capsys)

    assert f"{path} is not a checkpoint" in said and problem in said


def test_missing_arguments(out, monkeypatch, capsys):
    """Each recorded option is needed."""
    path = out / "checkpoint.npz"
    about = read(path)
    for name in about["arguments"]:
        arguments = {n: v for n, v in about["arguments"].items() if n != name}
        rewrite(path, json.dumps({**about, "arguments": arguments}))
        assert "options are incomplete" in refused(out, monkeypatch, capsys)


ARRAYS = {
    "one is missing": {"3": None},
    "the last one is missing": {"5": None},
    "one more": {"99": np.ones(3, "float32")},
    "another name": {"weights": np.ones(3)},
    "another shape": {"0": np.ones((3, 64), "float32")},
    "a number": {"0": np.float32(1)},
    "another type": {"0": lambda array: array.astype("float64")},
    "another order of bytes": {"0": lambda array: array.astype(">f4")},
    "raw bytes": {"0": lambda array: array.view("V4")},
    "words": {"0": lambda array: array.astype("U4")},
    "objects": {"0": lambda array: array.astype(object)},
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_wrong_arrays(kind, out, monkeypatch):
    """Arrays that do not fit the model are refused before any of them is restored."""
    path = out / "checkpoint.npz"
    with np.load(path) as saved:
        changed = {
            name: change(saved[f"{name:0>5}"]) if callable(change) else change
            for name, change in ARRAYS[kind].items()
        }
    rewrite(path, **changed)

    not_restored(out, monkeypatch, "checkpoint" if kind == "objects" else "different")


def test_cut_arrays_restore_nothing(out, monkeypatch):
    """An array that ends too early is found before any array is restored."""
    with np.load(out / "checkpoint.npz") as saved:
        large = max(saved, key=lambda name: saved[name].size)
    write_members(
        out / "checkpoint.npz",
        lambda name, data: data[:-4] if name == f"{large}.npy" else data,
    )

    not_restored(out, monkeypatch, "is not a checkpoint")


def not_restored(out, monkeypatch, problem):
    """Asserts that a checkpoint is refused, and that the model stays as it is."""
    train = import_module(golden("regression"), "train", monkeypatch)
    package = sys.modules["my_project"]
    model = train.build_model(train.load_data()["train"][0], 1)
    before = [np.array(value) for value in model.get_weights()]
    data = (out / "checkpoint.npz").read_bytes()
    checkpoint = train.Checkpoint(out, {})

    with pytest.raises(package.InputError, match=problem) as error:
        checkpoint.restore(model)

    assert str(out / "checkpoint.npz") in str(error.value)
    assert "another --out" in str(error.value)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert [] == checkpoint.history
    assert data == (out / "checkpoint.npz").read_bytes()


def test_types_without_a_name_in_numpy(tmp_path, monkeypatch):
    """Variables of the type bfloat16, which NumPy does not know, are restored."""
    train = import_module(golden("regression"), "train", monkeypatch)
    module = sys.modules["my_project.checkpoint"]
    about = {"arguments": {}, "history": [{"loss": 1.0, "val_loss": 1.0}]}

    def model(seed):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")]
        model = keras.Sequential(layers)
        model.compile(optimizer="adam", loss="mse")
        model.optimizer.build(model.trainable_variables)
        return model

    first, second = model(1), model(2)
    saver = train.Checkpoint(tmp_path, about["arguments"])
    saver.set_model(first)
    saver.history = about["history"]
    saver.save_checkpoint()
    train.Checkpoint(tmp_path, {}).restore(second)

    for a, b in zip(*map(module.variables_of, (first, second)), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(np.asarray(a.value), np.asarray(b.value))


def test_folder(out, monkeypatch, capsys):
    """A folder in the checkpoint's place is refused."""
    path = out / "checkpoint.npz"
    path.unlink()
    path.mkdir()

    said = refused(out, monkeypatch, capsys)

    assert f"Error: {path} cannot be read: Is a directory. Fix the cause, or" in said


def test_unreadable(out, monkeypatch, capsys):
    """A checkpoint without permission to read is refused, with the reason."""
    path = out / "checkpoint.npz"

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(np, "load", denied)

    said = refused(out, monkeypatch, capsys)

    assert f"Error: {path} cannot be read: Permission denied. Fix the cause" in said


def refused(out, monkeypatch, capsys):
    """Resumes a training, which must fail and change nothing. Returns its message."""
    train = import_module(golden("regression"), "train", monkeypatch)
    before = contents(out)
    capsys.readouterr()

    with pytest.raises(SystemExit) as error:
        train.main(["--resume", "--out", str(out)])

    assert 2 == error.value.code
    assert before == contents(out)
    said = capsys.readouterr()
    assert said.err.startswith("Error: ") and "Traceback" not in said.err
    assert "" == said.out
    assert said.err.endswith(" another --out.\n")
    assert 1 == said.err.count("\n")
    return said.err
