"""Tests the model and its training on a few rows of the data."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

from my_project import InputError, train
from my_project.data import check_data, load_data


@pytest.fixture(scope="module")
def data():
    """At most 128 rows of each split of the data."""
    return {name: tuple(a[:128] for a in split) for name, split in load_data().items()}


@pytest.fixture(scope="module")
def trained(data):
    """A trained model, and its loss in each epoch."""
    keras.utils.set_random_seed(0)
    model = train.build_model(data["train"][0])
    history = model.fit(**train.named(data["train"]), epochs=10, verbose=0).history
    return model, history["loss"]


def test_trains(trained):
    """The loss falls."""
    _, losses = trained

    assert losses[-1] < losses[0]


def test_saves_and_loads(trained, data, tmp_path):
    """A loaded model predicts and evaluates like the saved one."""
    model, _ = trained
    model.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras")

    x = data["test"][0]
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), loaded.predict(x, verbose=0)
    )
    arguments = {**train.named(data["test"]), "verbose": 0, "return_dict": True}
    assert model.evaluate(**arguments) == loaded.evaluate(**arguments)


def test_bad_data_are_refused(data):
    """Data that cannot be trained on are refused before the first step."""
    check_data(data)
    x = data["train"][0].copy()
    x[3] = np.nan
    for rows, message in ((x, "NaN"), (x[:0], "empty"), (x[:3], "but y has")):
        with pytest.raises(InputError, match=message):
            check_data({**data, "train": (rows, *data["train"][1:])})


def test_resumes_exactly(data, tmp_path, monkeypatch):
    """A resumed training equals an uninterrupted one."""
    monkeypatch.setattr(train, "load_data", lambda: data)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = train.main(["--epochs", "2", "--out", str(whole)])

    train.main(["--epochs", "1", "--out", str(parts)])
    results = train.main(["--epochs", "2", "--out", str(parts), "--resume"])

    assert expected == results
    assert (whole / "history.csv").read_text() == (parts / "history.csv").read_text()
    for name in ("best.keras", "curves.png", "checkpoint.npz"):
        assert (parts / name).exists()


def has_kscaffold():
    """Whether kscaffold is installed. Another distribution also has a `scaffold`."""
    try:
        metadata.version("kscaffold")
    except metadata.PackageNotFoundError:
        return False
    return True


@pytest.mark.skipif(
    not has_kscaffold(),
    reason="kscaffold is not installed. Run: pip install PATH_TO_KSCAFFOLD, the path "
    "of a checkout",
)
def test_verify():
    """The training step equals Keras's own. Remove this test once yours differs."""
    model = Path(train.__file__).with_name("model.py")
    command = [sys.executable, "-m", "scaffold", "verify", "--quick", str(model)]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
