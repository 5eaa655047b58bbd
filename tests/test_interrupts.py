"""Commands that are interrupted or killed leave no half of a change, and no leftovers.

Each test starts real processes and ends them at random times.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from scaffold import Spec, render, write
from scaffold.cli import main
from scaffold.interrupts import uninterrupted

COMMAND = [sys.executable, "-m", "scaffold"]


def rounds(every_day, in_ci):
    """Says how often a test ends a command."""
    numbers = [every_day, pytest.param(in_ci, marks=pytest.mark.exhaustive)]
    return pytest.mark.parametrize("times", numbers)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    """Runs a command to its end, and returns it."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)


def ended(number, delay, *arguments, ready=lambda: True):
    """Starts a command, sends it a signal, and returns it with its messages.

    Args:
        number: The signal.
        delay: How many seconds after `ready` it is sent.
        *arguments: The arguments of the command.
        ready: Returns whether the time begins.
    """
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not ready() and process.poll() is None:
        time.sleep(0.0005)
    time.sleep(delay)
    process.send_signal(number)
    process.said = process.communicate(timeout=60)[1]
    return process


def contents() -> dict[str, str]:
    """Reads all files below the current folder."""
    return {str(p): p.read_text() for p in Path().rglob("*") if p.is_file()}


def duration(*arguments) -> float:
    """Measures how many seconds a command takes."""
    start = time.monotonic()
    run(*arguments)
    return time.monotonic() - start


@rounds(3, 34)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_update_is_ended(number, times):
    """A signal leaves the old or the new file, and nothing beside it."""
    write(render(Spec(), "a.py"))
    old = contents()
    longest = duration("update", "a.py", "--test-step")
    new = contents()
    assert old != new
    statuses = set()
    for _ in range(times):
        Path("a.py").write_text(old["a.py"])
        delay = random.uniform(0.3, 1.1) * longest
        process = ended(number, delay, "update", "a.py", "--test-step")

        statuses.add(process.returncode)
        assert contents() in (old, new)
        if process.returncode == 0:
            assert contents() == new
    assert statuses <= {0, 128 + number, -number}


@rounds(4, 50)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_new_is_ended(number, times):
    """A signal leaves the complete file or project, or nothing."""
    wanted = {
        target: {str(file.path): file.text for file in render(Spec(), target)}
        for target in ("a.py", "mine")
    }
    longest = duration("new", "mine")
    for at in range(times):
        target = ("a.py", "mine")[at % 2]
        shutil.rmtree("mine", ignore_errors=True)
        Path("a.py").unlink(missing_ok=True)
        delay = random.uniform(0.3, 1.1) * longest
        process = ended(number, delay, "new", target)

        assert process.returncode in (0, 128 + number, -number)
        assert contents() in ({}, wanted[target])
        if process.returncode == 0:
            assert contents() == wanted[target]


@rounds(2, 100)
def test_killed_project_can_be_repeated(times):
    """After `kill -9` at any time, the same command completes the project."""
    wanted = {str(file.path): file.text for file in render(Spec(), "mine")}
    for _ in range(times):
        shutil.rmtree("mine", ignore_errors=True)
        ended(
            signal.SIGKILL,
            random.uniform(0, 0.02),
            *("new", "mine"),
            ready=Path("mine").exists,
        )
        complete = contents() == wanted
        again = CliRunner().invoke(main, ["new", "mine"])

        assert (2 if complete else 0) == again.exit_code, again.output
        assert wanted == contents()


@pytest.mark.parametrize("edited", ["pyproject.toml", "README.md"])
def test_what_the_user_changed_is_kept(edited):
    """An unfinished project in which a file has another text is refused."""
    write(render(Spec(), "mine"))
    Path("mine/tests/test_model.py").unlink()
    Path("mine", edited).write_text(Path("mine", edited).read_text() + "# Mine.\n")
    before = contents()
    done = run("new", "mine")

    assert 2 == done.returncode
    assert f"Error: mine/{edited} already exists." in done.stderr
    assert before == contents()


def test_unfinished_project_of_other_options():
    """An unfinished project is not completed with other options."""
    write(render(Spec(), "mine"))
    Path("mine/tests/test_model.py").unlink()
    done = run("new", "mine", "--test-step")

    assert 2 == done.returncode and "already exist." in done.stderr
    assert not Path("mine/tests/test_model.py").exists()


@rounds(6, 60)
def test_interrupted_imports(times):
    """Ctrl-C at any time of a command shows no traceback of kscaffold."""
    longest = duration("new", "-")
    for at in range(times):
        # Before, Python itself starts, and prints what it likes.
        delay = longest * (0.15 + 0.7 * at / times)
        process = ended(signal.SIGINT, delay, "new", "-")

        if "Fatal Python error" in process.said:
            continue  # Python was not ready to run kscaffold
        assert process.returncode in (0, 130, -signal.SIGINT), process.said
        assert "scaffold" not in process.said, process.said
        assert "click" not in process.said, process.said


#: Calls of the operating system that change files.
CHANGES = {"chmod", "fsync", "link", "mkdir", "open", "rename", "replace", "unlink"}


def invoked_with_signal(at: int, *arguments) -> int:
    """Runs a command in this process, with a SIGTERM after one of its `CHANGES`.

    Args:
        at: The number of the call, from 0.
        *arguments: The arguments of the command.

    Returns:
        How many such calls there were.
    """
    count = 0

    def profile(frame, event, function):
        nonlocal count
        if event != "c_return" or getattr(function, "__module__", "") != "posix":
            return
        if function.__name__ in CHANGES:
            count += 1
            if count - 1 == at:
                signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    sys.setprofile(profile)
    try:
        CliRunner().invoke(main, arguments)
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGTERM, before)
    return count


@pytest.mark.parametrize(
    "arguments",
    [
        ["update", "a.py", "--test-step"],
        pytest.param(
            ["update", "a.py", "--test-step", "--backup"], marks=pytest.mark.exhaustive
        ),
        ["new", "a.py", "--force"],
        ["new", "b.py"],
        pytest.param(["new", "mine"], marks=pytest.mark.exhaustive),
        pytest.param(["update", "theirs", "--test-step"], marks=pytest.mark.exhaustive),
    ],
    ids=" ".join,
)
def test_signal_after_each_call(arguments):
    """Wherever a signal arrives, all files are old or all are new, and none is left."""
    write(render(Spec(demo=False), "a.py"))
    if "theirs" in arguments:
        write(render(Spec(), "theirs"))
    old = contents()
    calls = invoked_with_signal(-1, *arguments)
    new = contents()
    assert old != new and calls > 2
    for at in range(calls):
        for path in new:
            Path(path).unlink(missing_ok=True)
        for path, text in old.items():
            Path(path).write_text(text)
        invoked_with_signal(at, *arguments)

        assert contents() in (old, new), at


def test_signals_wait():
    """A signal in a block arrives at its end, also in nested blocks."""
    # A process in the background may start with signals ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
                done.append("inner")
            done.append("outer")

    assert ["inner", "outer"] == done
    assert signal.default_int_handler is signal.signal(signal.SIGINT, before)
