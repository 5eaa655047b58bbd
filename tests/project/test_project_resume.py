"""A training that is killed or interrupted continues, to the last bit."""

import signal
import time

import pytest
from running_projects import make, python, same, saved, train

#: A Dropout layer, whose random seed must be saved too.
DROPOUT = (
    "    outputs =",
    "    hidden = keras.layers.Dropout(0.3)(hidden)\n    outputs =",
)


def with_dropout(project):
    """Puts a Dropout layer into the model of a project."""
    path = project / "my_project" / "train.py"
    text = path.read_text()
    assert text.count(DROPOUT[0]) == 1
    path.write_text(text.replace(*DROPOUT))


def killed_after(project, epochs, *arguments):
    """Starts a training, and kills it after the given number of saved epochs."""
    process = python(project, "-m", "my_project.train", *arguments, wait=False)
    history = project / "runs" / "history.csv"
    deadline = time.monotonic() + 120
    while not history.exists() or len(history.read_text().split("\n")) - 2 < epochs:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "options",
    [(), ("--mixed-precision", "float16"), ("--steps-per-execution", "8")],
    ids=["float32", "float16", "fused"],
)
def test_resume(tmp_path, options):
    """`kill -9` after two epochs and `--resume` equal four epochs, to the last bit."""
    project = make(tmp_path, fuse_steps="--steps-per-execution" in options)
    with_dropout(project)
    killed_after(project, 2, "--epochs", "4", *options)
    assert 2 <= len(saved(project / "runs")["history"]) < 4

    said = train(project, "--resume")
    train(project, "--epochs", "4", "--out", "whole", *options)

    assert "Continuing after epoch" in said
    resumed, whole = saved(project / "runs"), saved(project / "whole")
    assert 4 == len(resumed["history"])
    assert same(resumed, whole)
    best = [(project / out / "best.keras") for out in ("runs", "whole")]
    assert (
        len({(project / o / "history.csv").read_text() for o in ("runs", "whole")}) == 1
    )
    assert all(path.exists() for path in best)


@pytest.mark.exhaustive
def test_killed_between_files(tmp_path):
    """Files that a kill prevented after a checkpoint are written by `--resume`."""
    project = make(tmp_path)
    train(project, "--epochs", "3")
    out = project / "runs"
    whole = (out / "history.csv").read_text()
    best = train(project, "--resume").split("of epoch ")[1]
    assert "3:" == best.split()[0]
    (out / "history.csv").write_text("".join(whole.splitlines(True)[:-1]))
    (out / "new-0-best.keras").write_text("half")
    (out / "best.keras").unlink()

    assert best == train(project, "--resume").split("of epoch ")[1]
    assert whole == (out / "history.csv").read_text()
    assert not [path for path in out.iterdir() if path.name.startswith("new-")]


@pytest.mark.exhaustive
@pytest.mark.parametrize("lost", ["the seeds", "the optimizer", "the order of samples"])
def test_resume_can_fail(tmp_path, lost):
    """Without the seeds, the optimizer or the order of samples, it is not exact."""
    project = make(tmp_path)
    with_dropout(project)
    path = project / "my_project" / "checkpoint.py"
    text = path.read_text()
    old, new = {
        "the seeds": ("        *model.non_trainable_variables,\n", ""),
        "the optimizer": ("        *model.optimizer.variables,\n", ""),
        "the order of samples": ('np.random.seed([self.arguments["seed"], epoch])', ""),
    }[lost]
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))

    train(project, "--epochs", "2")
    train(project, "--epochs", "4", "--resume")
    train(project, "--epochs", "4", "--out", "whole")

    assert not same(saved(project / "runs"), saved(project / "whole"))


@pytest.mark.exhaustive
def test_ctrl_c(tmp_path):
    """Ctrl-C saves the model and says where. A finished training does not restart."""
    project = make(tmp_path)
    process = python(
        project,
        "-m",
        "my_project.train",
        "--patience",
        "1000000",
        "--epochs",
        "1000000",
        wait=False,
    )
    history = project / "runs" / "history.csv"
    while not history.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)

    assert 130 == process.returncode
    assert "Traceback" not in said
    assert "Interrupted. The model is saved as runs/interrupted.keras." in said
    done = len(saved(project / "runs")["history"])
    assert f"--resume continues after epoch {done}." in said
    assert (project / "runs" / "interrupted.keras").stat().st_size > 1000
    assert not [p for p in (project / "runs").iterdir() if p.name.startswith("new-")]

    again = python(project, "-m", "my_project.train")
    assert 2 == again.returncode
    assert "Error: runs already has a training. Continue it with --resume" in again.said
    other = python(project, "-m", "my_project.train", "--resume", "--batch-size", "8")
    assert 2 == other.returncode
    assert "leave out --batch-size. It was 32." in other.said
    said = train(project, "--resume", "--epochs", "1")
    assert "Epoch " not in said
    assert "The best model, of epoch" in said
