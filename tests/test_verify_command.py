"""The command `kscaffold verify`: its exit codes, output and child processes."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from json_outputs import parsed
from matrix import text

from scaffold import Spec
from scaffold.cli import main
from scaffold.verify import request
from scaffold.verify.contract.invariant_list import INVARIANTS
from scaffold.verify.parity.case_list import CASES

MISTAKES = str(Path(__file__).parent / "common_mistakes.py")


def verify(*arguments, **settings):
    """Runs `kscaffold verify` in a process of its own."""
    command = [sys.executable, "-m", "scaffold", "verify", *arguments]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    return subprocess.run(command, text=True, **settings)


def write(folder, source, name="model.py"):
    """Writes a file."""
    (folder / name).write_text(source, encoding="utf-8")
    return str(folder / name)


def test_success(tmp_path):
    """A generated file passes: exit 0, a line per check, and why some do not apply."""
    path = write(tmp_path, text(Spec(manual_metrics=True)))
    done = verify(path, "--only", "losses: add_loss", "--jobs", "1")

    assert 0 == done.returncode, done.stderr
    assert done.stdout.startswith("losses\n  add_loss in a layer       exact\n")
    assert "weight regularizers" not in done.stdout
    assert "the case compiles others:\n    add_loss without targets\n" in done.stdout
    assert done.stdout.endswith("\n2 exact, 1 not applicable.\n")
    assert "" == done.stderr


def test_failure():
    """A class with mistakes fails: exit 1, with the cause and the fix."""
    done = verify(
        f"{MISTAKES}:LossOutsideScope", "--only", "regularizer", "--jobs", "1"
    )

    assert 1 == done.returncode, done.stderr
    assert re.search("  weight regularizers +RAISES\n", done.stdout)
    assert re.search("  activity regularizer +DIFFERS\n", done.stdout)
    assert "  TypeError: 'NoneType' object is not callable" in done.stdout
    assert "  Cause: A variable is read outside a scope" in done.stdout
    assert "  Fix:   Take its value from the state." in done.stdout


NOISY = """
import keras

print("hello from the file")


class Model(keras.Model):
    def train_step(self, state, data):
        print("hello from the step")
        return super().train_step(state, data)
"""


@pytest.mark.exhaustive
def test_json(tmp_path):
    """`--json` prints one object, even if the file under test prints, too."""
    path = write(tmp_path, NOISY)
    done = verify(path, "--only", "losses: plain", "--json")
    data = parsed(done.stdout, "verify-1")

    assert (0, path) == (done.returncode, data["target"])
    [case] = data["cases"]
    assert {"name": "plain", "group": "losses", "outcome": "exact"}.items() <= (
        case.items()
    )
    texts = {"name", "group", "outcome", "detail", "cause", "fix", "code"}
    lists = {"explained_by", "ruled_out"}
    assert texts | lists | {"compared_with"} == set(case)


STOPS = """
import os
import time

import keras


class Model(keras.Model):
    def train_step(self, state, data):
        if any(getattr(v, "regularizer", None) for v in self.trainable_variables):
            {what}
        return super().train_step(state, data)
"""


@pytest.mark.parametrize(
    ("what", "limit", "reason"),
    [
        ("os._exit(7)", "60", "the process ended with status 7"),
        pytest.param(
            *("time.sleep(1000)", "10", "no result after 10 s"),
            id="endless",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_crash(tmp_path, what, limit, reason):
    """A step that kills its process or hangs fails only its own case."""
    path = write(tmp_path, STOPS.format(what=what))
    only = ("--only", "losses: [pw]*", "--jobs", "1", "--timeout", limit)
    done = verify(path, *only, "--json")
    plain, regularizers = parsed(done.stdout, "verify-1")["cases"]

    assert 1 == done.returncode
    assert ("plain", "exact") == (plain["name"], plain["outcome"])
    assert "raises" == regularizers["outcome"]
    assert reason in regularizers["detail"]
    assert regularizers["cause"] and regularizers["fix"]
    assert "process-ended" == regularizers["code"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = (", "is not valid Python: '(' was never closed"),
        ("# coding: nope", "is not valid Python: unknown encoding: nope"),
        (f"x = {'-' * 60_000}1", "model.py cannot be parsed: MemoryError."),
        (f"x = {'1 + ' * 20_000}1", "model.py cannot be parsed: RecursionError: max"),
        ("import keras\nx = 1\n", "defines no subclass of keras.Model"),
    ],
    ids=["syntax", "encoding", "signs", "terms", "no model"],
)
def test_unusable_file(tmp_path, source, message):
    """A file that cannot be tested exits with 2, without a traceback."""
    done = verify(write(tmp_path, source), "--jobs", "1")

    assert (2, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_applies(tmp_path):
    """If no check applies, nothing was tested: exit 2, with the reason."""
    done = verify(write(tmp_path, text(Spec())), "--only", "class_weight")

    assert (2, "") == (done.returncode, done.stdout)
    assert "No check applies: the class does not take sample weights" in done.stderr
    assert "Hint: Omit --only" in done.stderr


@pytest.mark.exhaustive
def test_files_shadow_no_modules(tmp_path):
    """A file in the current folder does not shadow a module."""
    write(tmp_path, "raise RuntimeError('not me')", "inspect.py")
    (tmp_path / "scaffold").mkdir()
    (tmp_path / "scaffold" / "__init__.py").touch()
    write(tmp_path, text(Spec()))
    command = [Path(sys.executable).parent / "kscaffold", "verify", "model.py"]
    done = subprocess.run(
        [*command, "--only", "losses: plain", "--jobs", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stderr


def invoke(*arguments):
    """Runs a command in this process."""
    return CliRunner().invoke(main, ["verify", *arguments])


def test_no_such_file():
    """A missing file is an error before anything is imported."""
    result = invoke("nope.py")

    assert (2, "") == (result.exit_code, result.stdout)
    assert "nope.py: No such file or directory." in result.stderr


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "is not a regular file"),
        (os.mkdir, "is a folder"),
        (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
    ],
    ids=["pipe", "folder", "loop"],
)
def test_no_regular_file(tmp_path, make, message):
    """A path that cannot be read as a file is an error, and nothing waits for it."""
    make(tmp_path / "model.py")
    result = invoke(str(tmp_path / "model.py"))

    assert (2, "") == (result.exit_code, result.stdout)
    assert message in result.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "1e99"])
def test_unusable_timeout(seconds):
    """The time of a check must have a limit."""
    result = invoke(MISTAKES, "--timeout", seconds)

    assert 2 == result.exit_code
    assert "Invalid value for '--timeout'" in result.stderr


def test_without_a_file():
    """The file is required."""
    result = invoke()

    assert 2 == result.exit_code
    assert "Missing argument 'FILE[:CLASS]'" in result.stderr


def test_without_keras(monkeypatch):
    """Without Keras, the hint is a command that installs it."""
    monkeypatch.setattr(request, "find_spec", lambda name: None)
    result = invoke(MISTAKES)

    assert 2 == result.exit_code
    assert "pip install keras jax jaxlib numpy" in result.stderr


def test_another_backend(monkeypatch):
    """Another backend is an error with a hint."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    result = invoke(MISTAKES)

    assert 2 == result.exit_code
    assert "Set KERAS_BACKEND=jax" in result.stderr


def test_list():
    """`--list` prints every check in the form of `--only`. `--json` marks the quick."""
    listed = invoke("--list").stdout.splitlines()
    data = parsed(invoke("--list", "--json").stdout, "verify-list-1")["cases"]

    assert len(CASES) + len(INVARIANTS) == len(listed) == len(data)
    assert "precision: mixed_float16" in listed
    quick = [f"{c['group']}: {c['name']}" for c in data if c["quick"]]
    assert quick == invoke("--list", "--quick").stdout.splitlines()
    assert "No check matches 'nope'" in invoke("--list", "--only", "nope").stderr


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("model.py", ("model.py", "")),
        ("model.py:Model", ("model.py", "Model")),
        ("odd:name.py", ("odd:name.py", "")),
        ("odd:name.py:A", ("odd:name.py", "A")),
    ],
)
def test_target(target, expected, tmp_path, monkeypatch):
    """A class can follow the file. A file name can contain a colon."""
    monkeypatch.chdir(tmp_path)
    for name in ("model.py", "odd:name.py"):
        Path(name).write_text("x = 1\n")

    assert expected == request.parse_target(target)


@pytest.mark.exhaustive
def test_progress(tmp_path):
    """On a terminal, standard error shows a progress bar."""
    path = write(tmp_path, text(Spec()))
    ours, terminal = pty.openpty()
    done = verify(path, "--only", "losses: plain", "--jobs", "1", stderr=terminal)
    os.close(terminal)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)

    assert 0 == done.returncode
    assert "[" + "#" * 30 + "] 1/1" in shown


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "spec",
    [
        Spec(style="subclass", task="binary", test_step=True, sample_weight=True),
    ],
    # The parity tests compare every feature with classes of all styles.
    ids=lambda spec: " ".join(spec.arguments()),
)
def test_generated_file_passes_all(spec, tmp_path):
    """A generated file passes every check, to the last bit."""
    done = verify(write(tmp_path, text(spec)), "--json")
    outcomes = {case["outcome"] for case in parsed(done.stdout, "verify-1")["cases"]}

    assert 0 == done.returncode
    assert outcomes <= {"exact", "holds", "not applicable"}
