"""`kscaffold verify --against` and `--record`: equal, changed and broken steps."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from matrix import text

from scaffold import Spec
from scaffold.cli import main
from scaffold.verify.against.numbers import decode, encode, equal

PLAIN = ("--only", "losses: plain", "--jobs", "1")
SOURCE = text(Spec(manual_loss=True))


def verify(folder, *arguments):
    """Runs `kscaffold verify` in a folder."""
    command = [sys.executable, "-m", "scaffold", "verify", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def replaced(old, new):
    """Returns the source of a class with one change."""
    assert old in SOURCE
    return SOURCE.replace(old, new)


def commit(folder):
    """Commits all files of a folder."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "old"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def test_changed_loss(tmp_path):
    """A changed loss is found, with the first step and the first variable."""
    (tmp_path / "old.py").write_text(SOURCE, encoding="utf-8")
    changed = replaced("keras.ops.mean(loss)", "1.01 * keras.ops.mean(loss)")
    (tmp_path / "new.py").write_text(changed, encoding="utf-8")
    done = verify(tmp_path, "new.py", "--against", "old.py", *PLAIN)

    assert 1 == done.returncode, done.stdout + done.stderr
    shown = " ".join(done.stdout.split())
    assert "First in the logs of step 1: loss" in shown
    assert "in old.py" in shown
    assert "The forward pass or the loss changed." in shown
    assert done.stdout.endswith("The reference is old.py.\n")


def test_revision(tmp_path):
    """A revision is compared with its own sibling module, not with today's."""
    source = replaced(
        "keras.ops.mean(loss)", "scale.FACTOR * keras.ops.mean(loss)"
    ).replace("import jax\n", "import jax\nimport scale\n", 1)
    (tmp_path / "model.py").write_text(source, encoding="utf-8")
    (tmp_path / "scale.py").write_text("FACTOR = 1.0\n", encoding="utf-8")
    commit(tmp_path)
    same = verify(tmp_path, "model.py", "--against", "HEAD", *PLAIN)
    (tmp_path / "scale.py").write_text("FACTOR = 2.0\n", encoding="utf-8")
    other = verify(tmp_path, "model.py", "--against", "HEAD", *PLAIN)

    assert 0 == same.returncode, same.stdout + same.stderr
    assert "1 exact." in same.stdout
    assert 1 == other.returncode, other.stdout + other.stderr
    assert "The reference is model.py of HEAD (commit " in other.stdout


def test_recording(tmp_path):
    """A recording equals the class that it was made with, and shows what moved."""
    (tmp_path / "model.py").write_text(SOURCE, encoding="utf-8")
    made = verify(tmp_path, "model.py", "--record", "golden.json", *PLAIN)
    assert 0 == made.returncode, made.stdout + made.stderr
    assert "Recorded 1 checks in golden.json.\n" == made.stdout
    same = verify(tmp_path, "model.py", "--against", "golden.json", *PLAIN)
    changed = replaced(
        "optimizer_variables, grads,", "optimizer_variables, [-g for g in grads],"
    )
    (tmp_path / "model.py").write_text(changed, encoding="utf-8")
    data = json.loads((tmp_path / "golden.json").read_text())
    data["versions"]["jax"] = "0.1"
    (tmp_path / "golden.json").write_text(json.dumps(data), encoding="utf-8")
    moved = verify(tmp_path, "model.py", "--against", "golden.json", *PLAIN)

    assert (0, True) == (same.returncode, "1 exact." in same.stdout), same.stdout
    assert 1 == moved.returncode, moved.stdout + moved.stderr
    assert "made with jax 0.1 instead of" in " ".join(moved.stdout.split())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "is not a recording of kscaffold"),
        ('{"kscaffold recording": 2}', "has another format"),
        ('{"kscaffold recording": 1}', "is a damaged recording"),
    ],
)
def test_bad_recordings(tmp_path, content, message):
    """A file that is no recording is an error, and is not replaced."""
    path, model = tmp_path / "golden.json", tmp_path / "model.py"
    path.write_text(content, encoding="utf-8")
    model.write_text(SOURCE, encoding="utf-8")
    read = CliRunner().invoke(main, ["verify", str(model), "--against", str(path)])
    written = CliRunner().invoke(main, ["verify", str(model), "--record", str(path)])

    assert (2, True) == (read.exit_code, message in read.output), read.output
    assert 2 == written.exit_code
    assert "is not a recording of kscaffold" in written.output
    assert content == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["--output=x", "-x", "no-such-revision", "HEAD:model.py"]
)
def test_no_such_reference(tmp_path, name):
    """A name that is no file and no revision is an error, and no option of git."""
    (tmp_path / "model.py").write_text(SOURCE, encoding="utf-8")
    commit(tmp_path)
    done = verify(tmp_path, "model.py", f"--against={name}")

    assert 2 == done.returncode
    assert "no such file, and no such git revision" in done.stderr
    assert not os.path.exists(tmp_path / "x")


@pytest.mark.parametrize(
    "array",
    [
        np.float32(0.1),
        np.float64("nan"),
        np.uint32(2**32 - 1),
        np.array(True),
        np.float16(0.1),
        np.arange(6, dtype="float32").reshape(2, 3),
        np.zeros((0, 2)),
    ],
)
def test_text_is_exact(array):
    """Numbers as text are equal to the last bit when they are read."""
    assert equal(np.asarray(array), decode(encode(np.asarray(array))))
