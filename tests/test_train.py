"""The files that are emitted run: imported, trained on JAX, evaluated, saved."""

import importlib.util
import os
import runpy
import subprocess
import sys

import keras
import numpy as np
import pytest
from matrix import CHOICES, core_goldens, identify, pairwise_specs, text

from scaffold import Spec

GOLDENS = core_goldens()

pytestmark = pytest.mark.usefixtures("plain_compiler")


def run_demo(path) -> dict:
    """Runs a file as `python file.py` does, and returns its variables."""
    keras.utils.clear_session(free_memory=False)
    return runpy.run_path(str(path), run_name="__main__")


def learning_problems(history: dict, results: dict) -> list[str]:
    """Lists what is wrong with the history and the evaluation of a demo.

    Args:
        history: The values of each epoch, by name.
        results: What `evaluate()` returned.
    """
    problems = []
    for name in ("loss", "val_loss"):
        losses = history.get(name, [np.nan])
        if not all(np.isfinite(losses)):
            problems.append(f"{name} is not finite: {losses}")
        elif not losses[-1] < losses[0] - 0.02 * abs(losses[0]):
            problems.append(f"{name} does not fall: {losses}")
    for name, value in results.items():
        if name not in history or history[f"val_{name}"][-1] != value:
            problems.append(f"evaluate() and validation disagree on {name}")
    if results.keys() != {name for name in history if not name.startswith("val_")}:
        problems.append(f"other names in evaluate(): {[*results]}, {[*history]}")
    return problems


def check_demo(path, spec):
    """Runs a file's demo and checks that it learns what it shows."""
    ran = run_demo(path)
    names = {"loss", *(metric.alias for metric in spec.objective.metrics)}

    assert [] == learning_problems(ran["model"].history.history, ran["results"])
    assert names == ran["results"].keys()


def in_turn() -> list:
    """Lists the goldens: each combination of options every day, in CI each style."""
    counts, found = dict.fromkeys(CHOICES["style"], 0), []
    for path, spec in GOLDENS.items():
        turn = CHOICES["style"][counts[spec.style] % len(counts)]
        counts[spec.style] += 1
        marks = [] if turn == spec.style else [pytest.mark.exhaustive]
        name = f"{path.parent.name}/{path.stem}"
        found.append(pytest.param(path, id=name, marks=marks))
    return found


@pytest.mark.parametrize("path", in_turn())
def test_golden_trains(path, capsys):
    """The demo of a golden trains, validates and evaluates."""
    check_demo(path, GOLDENS[path])

    printed = capsys.readouterr().out
    assert "Epoch 5/5" in printed
    assert printed.splitlines()[-1].startswith("Evaluation: {")


@pytest.mark.exhaustive
@pytest.mark.parametrize("spec", pairwise_specs(), ids=identify)
def test_pair_trains(spec, tmp_path):
    """Every pair of a loss or metric, a style and an option trains."""
    path = tmp_path / "custom_model.py"
    path.write_text(text(spec), encoding="utf-8")

    check_demo(path, spec)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("loss = self.optimizer.scale_loss(loss)", "loss = 0 * loss", "does not fall"),
        ("return loss, aux", "return -loss, aux", "does not fall"),
        ("sample_weight=batch_size)", "sample_weight=0 * batch_size)", "does not fall"),
    ],
)
def test_training_can_fail(old, new, problem, tmp_path):
    """A step without gradient, a step uphill, a loss that is not tracked are found."""
    source = text(Spec())
    assert old in source
    path = tmp_path / "custom_model.py"
    path.write_text(source.replace(old, new), encoding="utf-8")

    ran = run_demo(path)

    assert problem in str(
        learning_problems(ran["model"].history.history, ran["results"])
    )


def load(path):
    """Imports a file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "path", GOLDENS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_golden_imports(path, capsys):
    """Importing a golden prints nothing, trains nothing, and registers its class."""
    cls = load(path).CustomModel

    base = keras.Sequential if path.parent.name == "sequential" else keras.Model
    assert cls.__bases__ == (base,)
    assert keras.saving.get_registered_object("Custom>CustomModel") is cls
    assert capsys.readouterr() == ("", "")


def test_another_backend_is_refused(tmp_path):
    """With another backend active, the import says what to do."""
    path = next(iter(GOLDENS))
    code = "import runpy, sys; runpy.run_path(sys.argv[1])"
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=env, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert "RuntimeError: This model trains on JAX" in done.stderr
    assert "KERAS_BACKEND=jax" in done.stderr


@pytest.mark.parametrize("features", [1, 5, 33])
def test_subclass_takes_any_number_of_features(features):
    """`CustomModel()` needs no argument and builds itself on the first batch."""
    module = load(next(p for p in GOLDENS if p.parent.name == "subclass"))
    model = module.CustomModel()
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    x = np.ones((20, features), "float32")

    model.fit(x, x[:, :1], verbose=0)

    assert (20, 1) == model.predict(x, verbose=0).shape


def weightless():
    """Lists the goldens without sample weights."""
    return [path for path, spec in GOLDENS.items() if not spec.sample_weight]


def small_model(path):
    """Builds and compiles the class of a golden, by its own spec."""
    spec, cls = GOLDENS[path], load(path).CustomModel
    width = spec.objective.width
    if spec.style == "functional":
        inputs = keras.Input((4,))
        model = cls(inputs, keras.layers.Dense(width)(inputs))
    elif spec.style == "sequential":
        model = cls([keras.Input((4,)), keras.layers.Dense(width)])
    else:
        model = cls()
    names = {"keras": keras}
    objective = {}
    if not spec.manual_loss:
        objective["loss"] = eval(spec.objective.loss.argument, names)
    if not spec.manual_metrics:
        objective["metrics"] = [eval(m.argument, names) for m in spec.objective.metrics]
    model.compile(optimizer="sgd", **objective)
    return model


@pytest.mark.parametrize(
    "path", weightless(), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_weights_are_refused(path):
    """A weight that the step would ignore is refused, wherever it comes from."""
    x, weight = np.ones((20, 4), "float32"), np.ones(20, "float32")
    y = np.zeros((20, 1), "float32")
    refused = [
        lambda model: model.fit(x, y, sample_weight=weight, verbose=0),
        lambda model: model.fit(x, y, class_weight={0: 2.0}, verbose=0),
        lambda model: model.evaluate(x, y, sample_weight=weight, verbose=0),
        lambda model: model.train_on_batch(x, y, sample_weight=weight),
        lambda model: model.train_on_batch(x, y[:, 0], class_weight={0: 2.0}),
        lambda model: model.test_on_batch(x, y, sample_weight=weight),
        lambda model: model.fit(x, y, validation_data=(x, y, weight), verbose=0),
    ]
    for call in refused:
        # Keras empties the variables of a model whose step raises an error.
        with pytest.raises(ValueError, match="update FILE.py --sample-weight"):
            call(small_model(path))

    model = small_model(path)
    model.fit(x, y, validation_data=(x, y, None), verbose=0)
    assert np.isfinite(model.evaluate(x, y, verbose=0, return_dict=True)["loss"])


def test_weights_in_a_data_set_are_refused():
    """A weight in the batches of a generator is refused."""

    def batches():
        yield np.ones((20, 4), "float32"), np.zeros((20, 1)), np.ones(20)

    for path in weightless():
        with pytest.raises(ValueError, match="update FILE.py --sample-weight"):
            small_model(path).fit(batches(), verbose=0)


def test_loss_per_sample_is_averaged(tmp_path):
    """One's own loss may be a number per sample: it is not summed over the batch."""
    source = text(Spec(manual_loss=True, demo=False))
    path = tmp_path / "custom_model.py"
    results = []
    for loss in ("self.loss_fn(y, y_pred)", "keras.ops.square(y - y_pred)[:, 0]"):
        assert "self.loss_fn(y, y_pred)" in source
        path.write_text(source.replace("self.loss_fn(y, y_pred)", loss), "utf-8")
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        model = load(path).CustomModel(inputs, keras.layers.Dense(1)(inputs))
        model.compile(optimizer="sgd")
        x = np.random.default_rng(0).normal(size=(20, 4))
        results.append(model.evaluate(x, x[:, :1], verbose=0))

    assert np.isclose(*results)


@pytest.mark.parametrize("style", ["functional", "sequential", "subclass"])
def test_saved_model_loads_without_custom_objects(style, tmp_path):
    """What `__init__()` adds survives saving: the class is registered."""
    flags = {"manual_loss": True, "manual_metrics": True}
    path = next(p for p, spec in GOLDENS.items() if spec == Spec(style=style, **flags))
    model = small_model(path)
    x, y = np.ones((20, 4), "float32"), np.zeros((20, 1), "float32")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras")

    assert type(loaded) is type(model)
    assert np.array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))
    assert model.evaluate(x, y, verbose=0) == loaded.evaluate(x, y, verbose=0)
    first, second = (m.fit(x, y, verbose=0).history for m in (model, loaded))
    assert first == second


def test_digits():
    """A generated classifier reads 95 % of the handwritten digits it has not seen."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, digits = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        images.astype("float32") / 16,
        digits,
        test_size=0.25,
        random_state=0,
        stratify=digits,
    )
    module = load(next(p for p, spec in GOLDENS.items() if spec.task == "multiclass"))
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64,))
    hidden = keras.layers.Dense(64, activation="relu")(inputs)
    model = module.CustomModel(inputs, keras.layers.Dense(10)(hidden))
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
    )

    history = model.fit(x, y, epochs=30, validation_data=(x_test, y_test), verbose=0)

    assert history.history["val_sparse_categorical_accuracy"][-1] >= 0.95
