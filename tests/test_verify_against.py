"""`kscaffold verify --against` and `--record`: equal, changed and broken steps."""

import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from json_outputs import parsed
from matrix import text
from test_docs import blocks
from test_readme import blurred

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
    assert "compared with old.py (1 case)" in shown
    assert "If it is intended, check the invariants alone" in shown


@pytest.mark.exhaustive
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
    assert "model.py of HEAD (commit " in other.stdout


@pytest.mark.exhaustive
def test_recording(tmp_path):
    """A recording equals the class that it was made with, and shows what moved."""
    (tmp_path / "model.py").write_text(SOURCE, encoding="utf-8")
    made = verify(tmp_path, "model.py", "--record", "golden.json", *PLAIN)
    assert 0 == made.returncode, made.stdout + made.stderr
    assert "Recorded 1 check in golden.json.\n" == made.stdout
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
    shown = " ".join(moved.stdout.split())
    assert "It was recorded with jax 0.1 instead of" in shown
    assert "The gradient or its use by the optimizer changed." in shown
    assert "record the numbers again with --record golden.json." in shown


#: A file with a model of its own, and the function that builds it.
OWN_MODEL = """
import jax, keras

class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)

    def loss_of(self, trainable, others, x, y):
        y_pred, others = self.stateless_call(trainable, others, x)
        return 1.0 * keras.ops.mean((y - y_pred) ** 2), others

    def train_step(self, state, data):
        trainable, others, optimizer, metrics = state
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        gradient = jax.value_and_grad(self.loss_of, has_aux=True)
        (loss, others), grads = gradient(trainable, others, x, y)
        trainable, optimizer = self.optimizer.stateless_apply(
            optimizer, grads, trainable
        )
        return {"loss": loss}, (trainable, others, optimizer, metrics)

def make():
    import numpy as np
    model = Own()
    model.compile("adam", loss="mse")
    x = np.random.default_rng(1).normal(size=(40, 5)).astype("float32")
    return model, (x, x[:, :3])
"""


def write_own_models(folder):
    """Writes an old file, an equal new one, one with another loss, and a builder."""
    (folder / "old.py").write_text(OWN_MODEL, encoding="utf-8")
    (folder / "new.py").write_text(
        OWN_MODEL.replace("y - y_pred", "y_pred - y"), encoding="utf-8"
    )
    changed = OWN_MODEL.replace("1.0 *", "1.5 *").replace("Own", "Changed")
    (folder / "changed.py").write_text(changed, encoding="utf-8")
    (folder / "builder.py").write_text("from new import make\n", encoding="utf-8")


def verdicts(done):
    """Returns the outcomes of the checks that apply, by name."""
    assert 2 != done.returncode, done.stderr
    cases = parsed(done.stdout, "verify-1")["cases"]
    return {c["name"]: c["outcome"] for c in cases if c["outcome"] != "not applicable"}


@pytest.mark.exhaustive
def test_own_model(tmp_path):
    """A model of `--build` is compared with the one of another file, on its data.

    The step has a loss of its own, unlike any of Keras's steps.
    """
    write_own_models(tmp_path)
    built = ("--build", "new.py:make", "--json")
    same = verdicts(verify(tmp_path, "new.py", "--against", "old.py", *built))
    other = verify(
        *(tmp_path, "new.py", "--against", "changed.py:Changed"),
        *("--against-build", "changed.py:make", *built),
    )
    found = [c for c in json.loads(other.stdout)["cases"] if c["code"]]

    assert same and {*same.values()} <= {"exact", "close"}
    assert {"your model and data", "your model with full batches"} <= {*same}
    assert ["loss-changed"] == [*{c["code"] for c in found}], other.stdout
    assert {"changed.py:Changed"} == {c["compared_with"] for c in found}


@pytest.mark.exhaustive
def test_builder_of_one_side(tmp_path):
    """A function that builds both sides from one file is an error, not an equality."""
    write_own_models(tmp_path)
    built = ("--build", "builder.py:make")
    done = verify(tmp_path, "new.py", "--against", "old.py", *built)

    assert (2, "") == (done.returncode, done.stdout)
    assert "makes the Own of new.py, not of old.py" in " ".join(done.stderr.split())
    assert "--against-build" in done.stderr


@pytest.mark.exhaustive
def test_class_of_revision(tmp_path):
    """A revision can have the class under another name."""
    (tmp_path / "model.py").write_text(SOURCE, encoding="utf-8")
    commit(tmp_path)
    renamed = SOURCE.replace("CustomModel", "NewModel").partition("\n")[2]
    (tmp_path / "model.py").write_text(renamed, encoding="utf-8")
    loss = ("--loss", "mse", "--metric", "mae")
    lost = verify(tmp_path, "model.py:NewModel", "--against", "HEAD", *loss, *PLAIN)
    named = verify(
        *(tmp_path, "model.py:NewModel", "--against", "HEAD:CustomModel"),
        *loss,
        *PLAIN,
    )

    assert 2 == lost.returncode
    assert "no subclass of keras.Model named 'NewModel'" in lost.stderr
    assert 0 == named.returncode, named.stdout + named.stderr


@pytest.mark.exhaustive
def test_contract_beside_another_file(tmp_path):
    """With `--only contract`, the invariants run, because they need no reference."""
    (tmp_path / "old.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "new.py").write_text(SOURCE, encoding="utf-8")
    only = ("--only", "contract: *loss*", "--json")
    found = verdicts(verify(tmp_path, "new.py", "--against", "old.py", *only))

    assert found and {*found.values()} == {"holds"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--record", "a.json", "--against", "b.py"], "exclude each other"),
        (["--against-build", "b.py:make"], "--against-build needs --against FILE.py"),
        (["--against-backend", "torch"], "--against-backend needs --against FILE.py"),
        (
            ["--against", "a.json", "--against-build", "b.py:make"],
            "has no effect with a recording",
        ),
        (
            ["--against", "b.py", "--against-backend", "torch", "--quick"],
            "have no effect with --against-backend",
        ),
        (["--record", "a.txt"], "a recording needs the suffix .json"),
        (["--against", "nothing.json"], "No such file or directory"),
    ],
)
def test_options_without_effect(tmp_path, monkeypatch, arguments, message):
    """Options that would be ignored are errors, before anything runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(SOURCE, encoding="utf-8")
    result = CliRunner().invoke(main, ["verify", "model.py", *arguments])

    assert 2 == result.exit_code
    assert message in " ".join(result.output.split())


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


@pytest.mark.exhaustive
def test_page(tmp_path, monkeypatch):
    """The report, the test and the hook of the page are true."""
    (tmp_path / "old.py").write_text(SOURCE, encoding="utf-8")
    changed = replaced("keras.ops.mean(loss)", "1.01 * keras.ops.mean(loss)")
    (tmp_path / "new.py").write_text(changed, encoding="utf-8")
    done = verify(tmp_path, "new.py", "--against", "old.py", *PLAIN)
    [report] = [b for b in blocks("against.md", "text") if b.startswith("losses")]

    # Another processor may round the last digit differently.
    assert blurred(report) == blurred(done.stdout), done.stderr

    [example] = blocks("against.md", "python")
    [hook] = blocks("against.md", "yaml")
    [hook_command] = re.findall("entry: (.*)", hook)
    [hook_files] = re.findall("files: (.*)", hook)
    (tmp_path / "test_step.py").write_text(example, encoding="utf-8")
    (tmp_path / "custom_model.py").write_text(SOURCE, encoding="utf-8")
    recorded = verify(tmp_path, "custom_model.py", "--record", "golden.json", *PLAIN)
    assert 0 == recorded.returncode, recorded.stderr
    monkeypatch.chdir(tmp_path)
    pytests = [sys.executable, "-m", "pytest", "-q", "test_step.py"]
    assert 0 == subprocess.run(shlex.split(hook_command)).returncode
    assert 0 == subprocess.run(pytests).returncode
    (tmp_path / "custom_model.py").write_text(changed, encoding="utf-8")
    assert 1 == subprocess.run(shlex.split(hook_command)).returncode
    assert 1 == subprocess.run(pytests).returncode
    assert re.match(hook_files, "custom_model.py")
