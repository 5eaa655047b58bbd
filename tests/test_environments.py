"""Fresh environments: a wheel that only generates, and the oldest Keras and JAX."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from matrix import text

from scaffold import Spec, render, write

ROOT = Path(__file__).parent.parent


def oldest(extra: str) -> list[str]:
    """Pins the requirements of an extra to the oldest versions that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = project["optional-dependencies"][extra]
    return [requirement.replace(">=", "==") for requirement in requirements]


def test_oldest_are_pinned():
    """Keras, JAX and jaxlib have a lower bound, so that there is an oldest to test."""
    pinned = [re.match(r"(\w+)==[\d.]+$", requirement) for requirement in oldest("jax")]

    assert {"keras", "jax", "jaxlib"} == {match.group(1) for match in pinned if match}


def fresh(folder, *requirements):
    """Makes a virtual environment, and returns its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Most modules are never imported: not compiling them halves the time.
    subprocess.run([*pip, "--no-compile", *requirements], check=True)
    return python


def environ(folder=None) -> dict:
    """Returns the environment without what this run of pytest has put there.

    In a folder, JAX keeps what it compiles. An old JAX crashes now and then when it
    loads such a program.
    """
    ours = ("JAX_", "PYTEST_", "KERAS_", "XLA_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder or ""),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    return kept | cache


def sources() -> set[str]:
    """Lists the files that a wheel must have, by their names in it."""
    folders = {"scaffold": ROOT / "scaffold", "scaffold/templates": ROOT / "templates"}
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in folders.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.environments
def test_wheel(tmp_path):
    """A wheel without extras generates, with neither Keras nor JAX installed."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheels = tmp_path / "wheels"
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "-w", wheels, ROOT], check=True
    )
    [wheel] = wheels.iterdir()
    packed = {
        name for name in ZipFile(wheel).namelist() if name.startswith("scaffold/")
    }
    assert sources() == packed
    python = fresh(tmp_path / "venv", wheel)

    said = []

    def run(*command):
        done = subprocess.run(
            command, cwd=tmp_path, env=environ(), capture_output=True, text=True
        )
        said.append(done.stderr)
        return done.returncode, done.stdout

    kscaffold = python.parent / "kscaffold"
    assert (0, text(Spec(), "-")) == run(kscaffold, "new", "-")
    assert (0, text(Spec(), "-")) == run(python, "-m", "scaffold", "new", "-")
    assert (0, "") == run(kscaffold, "new", "--manual-metrics")
    assert "Train it: pip install keras jax && python custom_model.py" in said[-1]
    assert text(Spec(manual_metrics=True)) == (tmp_path / "custom_model.py").read_text()
    assert (0, "") == run(kscaffold, "update", "custom_model.py", "--test-step")
    spec = Spec(manual_metrics=True, test_step=True)
    assert text(spec) == (tmp_path / "custom_model.py").read_text()
    assert (0, "") == run(kscaffold, "check", "custom_model.py")
    assert 1 == run(python, "-c", "import keras")[0]
    assert 1 == run(python, "-c", "import jax")[0]


def runner(python, programs=None):
    """Returns a function that runs a module and returns its output.

    Args:
        python: The interpreter.
        programs: A folder for what JAX compiles.
    """

    def run(*command):
        done = subprocess.run(
            [python, "-m", *command],
            cwd=ROOT,
            env=environ(programs),
            capture_output=True,
            text=True,
            # With a process that crashed, pytest-xdist may wait for ever.
            timeout=1200,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    return run


def assert_verified(run):
    """Checks that `kscaffold verify` finds nothing wrong with a class of each style."""
    for golden, *quick in (
        ("functional/sample_weight_test_step",),
        ("sequential/manual_loss_manual_metrics_test_step", "--quick"),
        ("subclass/manual_metrics_sample_weight", "--quick"),
    ):
        file = f"golden/supervised/{golden}.py"
        cases = json.loads(run("scaffold", "verify", file, "--json", *quick))["cases"]
        found = [case["outcome"] for case in cases]
        assert {"exact", "holds"} <= {*found} <= {"exact", "holds", "not applicable"}
        assert found.count("exact") >= (6 if quick else 70)


#: A loop over the batches of an execution, as one writes it for Keras 3.15.
LOOPED = """
import jax
import keras


class Looped(keras.Model):
    def make_train_function(self, force=False):
        step = jax.jit(self.train_step)

        def run(state, iterator):
            for _, batch in zip(range(self.steps_per_execution), iterator):
                logs, state = step(state, batch)
            return logs, state

        self.train_function = run
"""

TOOLS = ["pytest", "pytest-xdist", "matplotlib", "scikit-learn"]
PYTEST = ["pytest", "-q", "-p", "no:cacheprovider"]


@pytest.mark.environments
def test_oldest(tmp_path):
    """With the oldest Keras and JAX, what is generated is as right as with the newest.

    `kscaffold verify` finds nothing wrong with a class of each style. Projects train,
    with fused steps on weights that are split, too: a JAX before 0.5 joins arrays
    wrongly there. And recipes equal their plain loops.
    """
    run = runner(fresh(tmp_path, "-e", str(ROOT), *oldest("jax"), *TOOLS))

    assert_verified(run)
    some = "both or test_quality and regression"
    assert "3 passed" in run(*PYTEST, "tests/project", "-m", "", "-k", some)
    names = "gan", "wgan_gp", "simclr", "citizenship"
    files = [f"tests/recipes/test_{name}.py" for name in names]
    some = "five_steps or resume and gan"
    assert "7 passed" in run(*PYTEST, *files, "-m", "", "-k", some)


@pytest.mark.environments
def test_next_keras(tmp_path):
    """With the newest build of the next Keras, all of it is right as well.

    If this fails, Keras has changed. `docs/versions.md` says what is known.
    """
    python = fresh(tmp_path, "-e", str(ROOT), "jax", *TOOLS)
    pip = [python, "-m", "pip", "install", "--quiet", "--pre", "keras-nightly"]
    done = subprocess.run(pip, capture_output=True, text=True)
    if "No matching distribution found for keras-nightly" in done.stderr:
        pytest.skip("the package index has no keras-nightly")
    assert 0 == done.returncode, done.stderr
    run = runner(python, tmp_path / "programs")

    assert_verified(run)
    (tmp_path / "looped.py").write_text(LOOPED)
    command = [python, "-m", "scaffold", "verify", tmp_path / "looped.py", "--json"]
    done = subprocess.run([*command, "--only", "steps_per_exec"], capture_output=True)
    codes = {verdict.get("code") for verdict in json.loads(done.stdout)["cases"]}
    assert codes == {"batches-stacked"}, done.stdout
    assert " passed" in run(*PYTEST, "tests/test_fusion.py")
    some = "both or two_processes or test_quality and regression"
    assert " passed" in run(*PYTEST, "tests/project", "-m", "", "-k", some)
    gan = ["tests/recipes/test_gan.py", "tests/recipes/test_citizenship.py"]
    assert " passed" in run(
        *PYTEST, *gan, "-m", "", "-k", "five_steps or resume and gan"
    )


@pytest.mark.environments
def test_project(tmp_path):
    """A project, installed as its README says, trains and passes its tests alone."""
    project = tmp_path / "my_project"
    write(render(Spec(task="multiclass", manual_metrics=True), str(project)))
    python = fresh(tmp_path / "venv", "-e", f"{project}[test]")

    def run(*command):
        done = subprocess.run(
            command, cwd=project, env=environ(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # Not there: the project stands alone.
    find = "from importlib.util import find_spec; print(find_spec('scaffold'))"
    assert "None\n" == run(python, "-c", find)
    assert "The best model, of epoch" in run(python, "-m", "my_project.train")
    assert "4 passed, 1 skipped" in run(python, "-m", "pytest", "-q")
