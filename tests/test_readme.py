"""The README is true: its commands run, and its output and numbers are real."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from generated_docs import FULLEST
from matrix import GOLDEN, golden_path, text
from test_train import run_demo

from scaffold import Spec
from scaffold.common_options import OPTIONS
from scaffold.verify.checks import INVARIANTS
from scaffold.verify.parity.case_list import CASES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def python_blocks() -> list[str]:
    """Returns the Python code that the README shows."""
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def section(title: str) -> str:
    """Returns the text below a heading."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_length():
    """The README has at most 250 lines."""
    assert len(README.splitlines()) <= 250


def test_first_screen():
    """The first screen has the commands that install, generate, train and test."""
    screen = "\n".join(README.splitlines()[:35])

    assert "pip install '.[jax]' && kscaffold new --manual-metrics" in screen
    assert "&& python custom_model.py\n" in screen
    assert "pip install -e '.[test]' && pytest\n" in screen


def test_commands():
    """CI runs the README's test command, and the versions are the declared ones."""
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert "install --quiet --disable-pip-version-check -e '.[test]'\n" in run
    assert run.rstrip().endswith("\npytest -q")
    for name in ("Keras", "JAX"):
        [oldest] = re.findall(rf'"{name.lower()}>=([\d.]+)"', project)
        assert f"{name} {oldest}" in " ".join(README.split())


def test_training_output(capsys):
    """The README shows the losses that the main block prints."""
    numbers = r"(?:(\w*): )([\d.]+)(?= - |\n)"
    shown = README.split("```text\n")[1].split("```")[0]
    run_demo(golden_path(Spec(manual_metrics=True)))
    printed = capsys.readouterr().out

    expected, found = re.findall(numbers, printed), re.findall(numbers, shown)
    assert 20 == len(expected)
    assert [name for name, _ in expected] == [name for name, _ in found]
    for (_, value), (_, claimed) in zip(expected, found, strict=True):
        assert float(claimed) == pytest.approx(float(value), rel=0.02)


def test_number_of_checks():
    """The README counts the features, the invariants and all checks of `verify`."""
    words = " ".join(README.split())
    features = [case for case in CASES if not case.built]

    assert f"compare {len(features)} features" in words
    assert f"and {len(INVARIANTS)} invariants" in words
    assert f"runs all {len(features) + len(INVARIANTS)} checks" in words


def test_shown_class():
    """The command above the class writes the file that the link leads to."""
    [command] = re.findall(r"`kscaffold new (.*?)`", section("The class"))
    [link] = re.findall(r"\]\((.*?)\)", section("The class"))

    names = [flag[2:].replace("-", "_") for flag in command.split()]
    assert golden_path(Spec(**dict.fromkeys(names, True))) == ROOT / link
    assert GOLDEN / FULLEST == ROOT / link


def test_where_to_put_things():
    """Flags in the table exist, and the methods are in the class that it shows."""
    table = section("Where do I put my ...")
    source = (GOLDEN / FULLEST).read_text(encoding="utf-8")
    source += text(Spec(style="subclass", gradient_hook=True, augment=True))
    flags = {option.flag for option in OPTIONS}

    assert set(re.findall(r"`(--[\w-]+)", table)) <= flags
    methods = re.findall(r"`(\w+)\(\)`", table)
    assert {"compute_loss", "compute_metrics", "augment", "call"} <= set(methods)
    for method in methods:
        assert f"def {method}(" in source or f"model.{method}(" in source


@pytest.mark.parametrize(
    "arguments", [{"clipnorm": 1.0}, {"gradient_accumulation_steps": 4}]
)
def test_optimizer_arguments(arguments):
    """What the table leaves to the optimizer changes the training of the class."""
    table = section("Where do I put my ...")
    assert all(f"Adam({name}={value})" in table for name, value in arguments.items())
    trained = []
    for settings in ({}, arguments):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((2,))
        names = {"__name__": "custom_model"}
        exec(text(Spec(class_name="Table")), names)
        model = names["Table"](inputs, keras.layers.Dense(1)(inputs))
        # Adam would divide by the size of the clipped gradients.
        model.compile(keras.optimizers.SGD(**settings), loss="mse")
        model.fit(np.ones((60, 2)), 9 * np.ones((60, 1)), batch_size=20, verbose=0)
        trained.append(model.get_weights()[0])

    assert not np.allclose(*trained, rtol=1e-6)


def blurred(printed: str) -> str:
    """Leaves out the digits after the third of each number."""
    return re.sub(r"(\d\.\d{2})\d+", r"\1", printed)


def test_verification_output(tmp_path):
    """The README shows what `kscaffold verify` prints about a mistake."""
    [(command, shown)] = re.findall(
        r"```sh\nkscaffold (verify .*)\n```\n\n```text\n(.*?)```", README, re.DOTALL
    )
    (tmp_path / "tests").symlink_to(ROOT / "tests")

    done = subprocess.run(
        [sys.executable, "-m", "scaffold", *shlex.split(command)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    # Another processor may round the last digit differently.
    assert blurred(shown) == blurred(done.stdout), done.stderr


def test_update(tmp_path):
    """The command that changes options works on the file of the first command."""
    [command] = re.findall(r"```sh\nkscaffold (update .*)\n```", README)
    file = tmp_path / "custom_model.py"
    file.write_text(text(Spec(manual_metrics=True)), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "scaffold", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert (0, "Updated custom_model.py\n") == (done.returncode, done.stderr)
    spec = Spec(manual_metrics=True, test_step=True, sample_weight=True)
    assert text(spec) == file.read_text(encoding="utf-8")


def test_speed():
    """The README's speed-ups are in the table of the page on fused steps."""
    page = (ROOT / "docs" / "fused-steps.md").read_text(encoding="utf-8")
    words = " ".join(section("Fused steps").split())

    for name in ("dense, 32 to 1", "MLP, 784-256-256-10"):
        speed_ups = re.findall(rf"^\| {name} \|.*\*\*(.*)\*\*", page, re.MULTILINE)
        assert " {} and {} times".format(*speed_ups) in words


def test_compute_loss_example():
    """The class that needs no step of its own adds its term to the loss."""
    [example] = [b for b in python_blocks() if "class MyModel" in b]
    names = {"keras": keras}
    exec(example, names)
    inputs = keras.Input((2,))
    model = names["MyModel"](inputs, keras.layers.Dense(1)(inputs))
    model.compile(loss="mse")

    x = np.ones((4, 2), "float32")
    y_pred = model.predict(x, verbose=0)

    expected = np.mean(y_pred**2) + 0.01 * np.mean(np.abs(y_pred))
    assert np.isclose(expected, model.evaluate(x, 0 * y_pred, verbose=0))
