"""Proves that the command reports what it does, and writes complete files or none."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from matrix import text
from updating import MINE, NAME, conflicting, edit, invoke, make, update

from scaffold import Spec, writing
from scaffold.errors import WriteError
from scaffold.update import file_swap, update_targets
from scaffold.update.option_changes import OptionChanges


def test_dry_run_diff_and_check(folder):
    """Changes are listed or shown, and no file is written."""
    path = make(Spec())
    before = path.read_bytes()

    assert f"Would update {NAME}\n" == update(NAME, "--test-step", "--dry-run")
    assert f"Would update {NAME}\n" == update(NAME, "--test-step", "--check", code=1)
    shown = invoke("update", NAME, "--test-step", "--diff")
    assert 0 == shown.exit_code
    assert before == path.read_bytes()
    update(NAME, "--check")
    update(NAME, "--no-test-step", "--check")

    subprocess.run(["git", "apply"], input=shown.stdout, text=True, check=True)
    assert text(Spec(test_step=True), NAME) == path.read_text()


def test_json():
    """The JSON result has the options, the files and the conflicts."""
    conflicting()

    result = invoke("update", NAME, "--manual-loss", "--json", "--diff")

    data = json.loads(result.stdout)
    assert f"kscaffold new {NAME} --manual-loss" == data["command"]
    assert data["options"]["manual_loss"]
    [file] = data["files"]
    assert (NAME, "would be updated") == (file["path"], file["status"])
    [conflict] = file["conflicts"]
    assert "CustomModel.compute_loss_and_updates" == conflict["where"]
    assert conflict["first"] < conflict["last"]
    assert "+<<<<<<< yours\n" in file["diff"]
    error = json.loads(invoke("update", "no.py", "--json").stdout)["error"]
    assert "no.py does not exist." == error["message"]


def test_backup(folder):
    """With --backup, the old file is kept, and no other file is overwritten."""
    path = make(Spec())
    Path(f"{NAME}.orig").write_text("Mine.")

    said = update(NAME, "--test-step", "--backup")

    assert f"Updated {NAME}\nKept {NAME}.orig1\n" == said
    assert "Mine." == Path(f"{NAME}.orig").read_text()
    assert text(Spec(), NAME) == Path(f"{NAME}.orig1").read_text()
    assert text(Spec(test_step=True), NAME) == path.read_text()


def test_mode_and_link(folder):
    """The mode of the file stays, and a symbolic link stays a link."""
    (folder / "real").mkdir()
    path = make(Spec(), "real/" + NAME)
    path.chmod(0o755)
    Path(NAME).symlink_to(path)

    update(NAME, "--test-step")

    assert Path(NAME).is_symlink()
    assert 0o755 == path.stat().st_mode & 0o777
    assert "def test_step" in path.read_text()


def test_changed_in_the_meantime(monkeypatch):
    """A file that is saved during the update is not overwritten."""
    path = make(Spec())
    plan = update_targets.plan_update(NAME, OptionChanges({"test_step": True}))
    edit(path, MINE)

    with pytest.raises(WriteError, match="changed during the update"):
        file_swap.apply(plan.files)

    assert "# My line." in path.read_text()


def test_failed_write(folder, monkeypatch):
    """If the file cannot be written, it is unchanged, and no other file is left."""
    path = make(Spec())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "replace", full)

    assert "No space left on device" in update(NAME, "--test-step", code=2)
    assert before == path.read_bytes()
    assert [NAME] == os.listdir(folder)


UPDATER = """
import sys
from pathlib import Path
from scaffold.update.file_swap import apply
from scaffold.update.update_plan import FileUpdate

folder, number = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    names = ["a", "b", "c"]
    apply([
        FileUpdate(
            folder / name,
            (f"{number % 2}" * 100_000).encode(),
            f"{(number + 1) % 2}" * 100_000,
        )
        for name in names
    ])
    number += 1
"""


def test_kill(tmp_path):
    """After a kill at any moment, each file is complete, either old or new."""
    contents = {"0" * 100_000, "1" * 100_000}
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in "abc":
            (folder / name).write_text("0" * 100_000)
        command = [sys.executable, "-c", UPDATER, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(random.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)

        assert -signal.SIGKILL == process.returncode
        assert all((folder / name).read_text() in contents for name in "abc")
        copies = [path for path in folder.iterdir() if path.suffix.startswith(".orig")]
        assert all(path.read_text() in contents for path in copies)


def test_copy_is_as_private(folder):
    """The copy of a file has the mode of the file."""
    path = make(Spec())
    path.chmod(0o600)

    update(NAME, "--test-step", "--backup")

    assert 0o600 == Path(f"{NAME}.orig").stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILE|DIR'"),
        ([NAME, "--loss", "meen_squared_error"], "Did you mean mean_squared_error?"),
        ([NAME, "--unset", "los"], "Did you mean loss?"),
        ([NAME, "--unset", "loss", "--loss", "mae"], "--loss is both given and unset."),
        ([NAME, "--base", "no.py"], "no.py does not exist"),
        (["no.py"], "no.py does not exist"),
        (["no"], "no is not a project"),
        (["."], "is not a project"),
        (["-"], "- does not exist"),
        ([NAME, "--task", "binary", "--loss", "mse", "--metric", "nope"], "nope"),
    ],
)
def test_mistakes(arguments, message):
    """A mistake is reported, and the file is unchanged."""
    path = make(Spec())
    before = path.read_bytes()

    assert message in update(*arguments, code=2)
    assert before == path.read_bytes()


COMMANDS = """
import sys
from scaffold.cli import main

for words in sys.argv[1:]:
    try:
        main(words.split())
    except SystemExit as done:
        assert not done.code, words
    print("tomlkit" in sys.modules)
"""


def test_only_projects_need_a_library_for_toml():
    """Only the update of a project imports tomlkit."""
    words = [f"new {NAME}", f"update {NAME} --test-step", "check .", "new my_project"]
    words.append("update my_project")

    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *words],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ["False"] * 4 + ["True"] == done.stdout.split()
