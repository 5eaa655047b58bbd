"""Two commands that change one file at the same time lose no change of each other."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scaffold import Spec, file_lock, render, write
from scaffold.cli import main
from scaffold.file_lock import locked

COMMAND = [sys.executable, "-m", "scaffold"]


def race(*commands):
    """Starts commands at the same time, and returns them when all have ended."""
    processes = [
        subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True)
        for words in commands
    ]
    for process in processes:
        process.said = process.communicate(timeout=60)[1]
        assert process.returncode in (0, 2), process.said
        assert "Traceback" not in process.said
    return processes


@pytest.mark.parametrize("times", [3, pytest.param(60, marks=pytest.mark.exhaustive)])
def test_updates_of_one_file(folder, times):
    """Both changes arrive. A refused one exits 2, and is not in the file."""
    flags = {
        "--test-step": "def test_step",
        "--manual-metrics": "keras.metrics.MeanAbsoluteError(",
    }
    for _ in range(times):
        Path("a.py").write_text(render(Spec(), "a.py")[0].text, "utf-8")
        processes = race(*(["update", "a.py", flag] for flag in flags))

        text = Path("a.py").read_text("utf-8")
        arrived = [process.returncode == 0 for process in processes]
        assert any(arrived)
        assert arrived == [sign in text for sign in flags.values()]
        assert ["a.py"] == [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("times", [1, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_updates_of_one_project(folder, times):
    """Likewise for a project, also through another path to its folder."""
    Path("link").symlink_to("mine")
    for _ in range(times):
        write(render(Spec(), "mine"), force=True)
        race(
            ["update", "mine", "--test-step"],
            ["update", "link", "--manual-metrics"],
        )
        wanted = render(Spec(test_step=True, manual_metrics=True), "mine")

        assert {file.text for file in wanted} == {
            path.read_text("utf-8") for path in Path("mine").rglob("*.*")
        }


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.exhaustive)])
def test_new_projects(folder, times):
    """Of two `kscaffold new` for one project, one exits 0 and the other 2."""
    for at in range(times):
        wanted = {file.path: file.text for file in render(Spec(), f"mine{at}")}
        processes = race(*[["new", f"mine{at}"]] * 2)

        assert [0, 2] == sorted(process.returncode for process in processes)
        for path, text in wanted.items():
            assert text == path.read_text("utf-8")


def test_wait_has_a_limit(folder, monkeypatch):
    """A command waits a little for another one, and then says so."""
    Path("a.py").write_text(render(Spec(), "a.py")[0].text, "utf-8")
    before = Path("a.py").read_bytes()
    held = "from scaffold.file_lock import locked\nwith locked('a.py'):\n    "
    held += "print('held', flush=True)\n    input()\n"
    monkeypatch.setattr(file_lock, "WAIT", 0.1)
    with subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert b"held\n" == other.stdout.readline()
        for words in (["update", "a.py", "--test-step"], ["new", "a.py", "--force"]):
            result = CliRunner().invoke(main, words)

            assert 2 == result.exit_code
            assert "Error: Another command is changing a.py." in result.stderr
            assert before == Path("a.py").read_bytes()
        # What only reads does not wait.
        words = ["update", "a.py", "--test-step", "--dry-run"]
        assert 0 == CliRunner().invoke(main, words).exit_code
        other.stdin.close()
    with locked(Path("a.py")), locked(Path("a.py")):
        pass


def test_lock_ends_with_its_process(folder):
    """A process that is killed leaves no lock."""
    Path("a.py").touch()
    held = "from scaffold.file_lock import locked\nwith locked('a.py'):\n    "
    held += "import os; os.kill(os.getpid(), 9)\n"
    subprocess.run([sys.executable, "-c", held])

    with locked(Path("a.py")):
        pass
    assert ["a.py"] == [path.name for path in folder.iterdir()]
