"""The README says what is so: its tables, its file, its commands are the real ones."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from matrix import golden_path, text
from mutants import markdown_table as mistakes_table
from test_common_mistakes import markdown_table as guide_table
from test_train import run_demo

from scaffold import Spec
from scaffold.listing import markdown_table as option_table
from scaffold.listing import recipe_table
from scaffold.recipes import load_recipe, recipe_names
from scaffold.verify.checks import CHECKS
from scaffold.verify.parity.case_list import CASES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_file():
    """The file that the README shows is the one that its first command writes."""
    assert f"```python\n{text(Spec(manual_metrics=True))}```" in README


def test_option_table():
    """The table of options is the one of `Spec`."""
    assert option_table() in README


def test_recipe_table():
    """The table of recipes is the one of their folders."""
    assert recipe_table() in README


def test_recipe_results():
    """The README has numbers for the demo of each recipe, with what they must beat."""
    for recipe in recipe_names():
        if load_recipe(recipe)["needs"]:
            row_of_it = rf"^\| `{recipe}` \| .* ± .* s \|$"
            [row] = re.findall(row_of_it, README, re.MULTILINE)
            numbers = [float(n) for n in re.findall(r"(-?\d\.\d+) ±", row)]
            better = -1 if load_recipe(recipe)["better"] == "lower" else 1
            assert better * numbers[0] > better * numbers[1]


def test_guide_table():
    """The table of what the guide's code does is the one that the tests prove."""
    assert guide_table() in README


def test_mistakes_table():
    """The page on `verify` lists the mistakes that the tests make."""
    page = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")

    assert mistakes_table() in page


def test_commands():
    """CI runs the README's test command; the versions are those declared."""
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert "pip install -e '.[test]' && pytest\n" in README
    assert "install --quiet --disable-pip-version-check -e '.[test]'\n" in run
    assert run.rstrip().endswith("\npytest -q")
    for name in ("keras", "jax"):
        [oldest] = re.findall(rf'"{name}>=([\d.]+)"', project)
        assert (
            f"{name.replace('keras', 'Keras').replace('jax', 'JAX')} {oldest}" in README
        )


def test_training_output(capsys):
    """The README shows the losses that the demo prints."""
    numbers = r"(?:(\w*): )([\d.]+)(?= - |\n)"
    shown = README.split("```text\n")[1].split("```")[0]
    run_demo(golden_path(Spec(manual_metrics=True)))
    printed = capsys.readouterr().out

    expected, found = re.findall(numbers, printed), re.findall(numbers, shown)
    assert 20 == len(expected)
    assert [name for name, _ in expected] == [name for name, _ in found]
    for (_, value), (_, claimed) in zip(expected, found, strict=True):
        assert float(claimed) == pytest.approx(float(value), rel=0.02)


def test_number_of_features():
    """The README counts the features that the parity tests compare, and all checks."""
    assert f"hold {len(CASES)} features" in README
    assert f"runs all {len(CHECKS)} cases" in README


def blurred(printed: str) -> str:
    """Leaves out the digits after the third of each number."""
    return re.sub(r"(\d\.\d{2})\d+", r"\1", printed)


@pytest.mark.exhaustive
def test_verification_output(tmp_path):
    """The README shows what `kscaffold verify` prints."""
    commands = re.findall(r"```sh\nkscaffold (verify .*)\n```\n\n```text\n", README)
    (tmp_path / "custom_model.py").write_text(text(Spec(manual_metrics=True)))
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    shown = README.split("## Prove it")[1].split("## Commands")[0]

    assert 2 == len(commands)
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "scaffold", *command.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        # Another processor may round the last digit in another way.
        assert blurred(f"```text\n{done.stdout}```") in blurred(shown), done.stderr


def test_update_output(tmp_path):
    """The README shows what `kscaffold update` prints, and the conflict."""
    section = README.split("## Change your mind later")[1].split("## Commands")[0]
    first, second = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", section, re.S)
    [conflict] = re.findall(r"```python\n(.*?)```", section, re.S)
    file = tmp_path / "custom_model.py"
    file.write_text(text(Spec(manual_metrics=True)))

    for commands, printed in (first, second):
        # Not every sed takes `-i` alone.
        words = re.findall("sed -i 's/(.*)/(.*)/' ", commands)
        for old, new in words:
            file.write_text(re.sub(old, new, file.read_text()))
        command = commands.strip().split("\n")[-1].split()
        done = subprocess.run(
            [sys.executable, "-m", "scaffold", *command[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (int(bool(words)), printed) == (done.returncode, done.stderr)

    assert conflict in file.read_text()


def test_python_example(tmp_path, monkeypatch):
    """The example of the Python API writes a file."""
    monkeypatch.chdir(tmp_path)
    [example] = [b for b in python_blocks() if "import scaffold" in b]

    exec(example, {})

    spec = Spec(task="multiclass", manual_loss=True, sample_weight=True)
    assert text(spec, "my_model.py") == (tmp_path / "my_model.py").read_text("utf-8")


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


def python_blocks() -> list[str]:
    """Returns the Python code that the README shows."""
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)
