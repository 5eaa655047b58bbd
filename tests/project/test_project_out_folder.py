"""The folder of the results: full disks, and two trainings at the same time."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from running_projects import contents, golden, import_module, make, python, same, saved
from running_projects import train as run

#: Each file, an error that a disk can have while it is saved, and how often it is
#: saved before.
FULL = [
    ("checkpoint.npz", errno.ENOSPC, 0),
    ("checkpoint.npz", errno.EFBIG, 1),
    ("best.keras", errno.EDQUOT, 0),
    ("best.keras", errno.EIO, 1),
    ("history.csv", errno.EACCES, 1),
    ("curves.png", errno.EROFS, 0),
]


@pytest.mark.parametrize(("name", "number", "times"), FULL)
def test_full_disk(name, number, times, monkeypatch, capsys, tmp_path):
    """A file that cannot be saved ends a training. The old files stay."""
    train = import_module(golden("regression"), "train", monkeypatch)
    whole, out = tmp_path / "whole", tmp_path / "out"
    before = {}
    train.main(["--epochs", "2", "--out", str(whole)])
    capsys.readouterr()
    with monkeypatch.context() as patch:
        fail_to_save(patch, out / name, number, times, before)
        with pytest.raises(SystemExit) as error:
            train.main(["--epochs", "2", "--out", str(out)])

    assert 2 == error.value.code
    start = name == "checkpoint.npz" and times == 0
    assert (
        f"Error: {out / name} cannot be saved: {os.strerror(number)}. Fix the cause, "
        f"then {'start again' if start else 'continue with --resume'}.\n"
    ) == capsys.readouterr().err
    # It is a new folder, and nothing was saved into it.
    assert start is not out.exists()
    if not start:
        assert before == contents(out)
    train.main(["--epochs", "2", "--out", str(out), *["--resume"] * (not start)])
    assert same(saved(whole), saved(out))
    assert contents(whole).keys() == contents(out).keys()
    for other in ("history.csv", "curves.png"):
        assert contents(whole)[other] == contents(out)[other]


def fail_to_save(patch, path, number, times, before):
    """Fails to save a file, after some times. Then `before` has the old files."""
    fsync, count = os.fsync, 0

    def failing(descriptor):
        nonlocal count
        unfinished = os.readlink(f"/proc/self/fd/{descriptor}")
        if unfinished.endswith(f"-{path.name}"):
            count += 1
            if count > times:
                before.update(contents(path.parent))
                del before[os.path.basename(unfinished)]
                raise OSError(number, os.strerror(number))
        fsync(descriptor)

    patch.setattr(os, "fsync", failing)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), -1))
from my_project.train import main
main()
"""


@pytest.mark.exhaustive
def test_limited_files(tmp_path):
    """A limit of the size of files does not lose anything, wherever it is reached."""
    project = make(tmp_path)
    run(project, "--epochs", "3", "--out", "whole")
    sizes = {name: len(data) for name, data in contents(project / "whole").items()}
    failed = set()
    for limit in {0, *(size - 1 for size in sizes.values())}:
        words = ["--epochs", "3", "--out", f"limit_{limit}"]
        out = project / words[-1]
        variables = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
        done = python(project, "-c", LIMITED, str(limit), *words, **variables)

        assert 2 == done.returncode, done.said
        [name] = re.findall(
            rf"Error: {out.name}/(\S+) cannot be saved: File", done.said
        )
        assert "Traceback" not in done.said and "Exception ign" not in done.said
        run(project, *words, *["--resume"] * out.exists())
        assert same(saved(project / "whole"), saved(out))
        assert sizes.keys() == contents(out).keys()
        failed.add(name)
    assert {"checkpoint.npz", "curves.png"} < failed


@pytest.mark.exhaustive
@pytest.mark.parametrize("blocks", [6, 16, 20])
def test_small_disk(tmp_path, blocks):
    """A disk that fills loses nothing. The training continues once there is space."""
    project = make(tmp_path)
    disk = project / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={4 * blocks}k", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("Mounting a file system needs permission.")
    try:
        words = ["--epochs", "3", "--out", "disk/out"]
        done = python(project, "-m", "my_project.train", *words)
        assert 2 == done.returncode, done.said
        assert "cannot be saved: No space left on device. Fix" in done.said
        assert "Traceback" not in done.said and "Exception ignored" not in done.said
        found = contents(disk / "out") if (disk / "out").exists() else {}
        assert not [name for name in found if name.startswith("new-")]
        larger = ["mount", "-o", "remount,size=4m", "tmpfs", disk]
        subprocess.run(larger, check=True)
        run(project, *words, *["--resume"] * ("checkpoint.npz" in found))
        run(project, "--epochs", "3", "--out", "whole")
        assert same(saved(project / "whole"), saved(disk / "out"))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_locked_folder(monkeypatch, capsys, tmp_path):
    """A second training in a folder is refused while the first one runs."""
    train = import_module(golden("regression"), "train", monkeypatch)
    out = tmp_path / "out"
    arguments = ["--epochs", "1", "--out", str(out)]
    with train.locked(out):
        with pytest.raises(SystemExit) as error:
            train.main(arguments)
        assert out.exists()

    assert 2 == error.value.code
    assert (
        f"Error: Another training uses {out}. Wait for its end, or name another folder "
        "with --out.\n"
    ) == capsys.readouterr().err
    # The folder is new and still empty, so it is removed.
    assert not out.exists()
    train.main(arguments)
    before = contents(out)
    with train.locked(out), pytest.raises(SystemExit):
        train.main([*arguments, "--resume"])
    assert "Another training uses" in capsys.readouterr().err
    assert before == contents(out)


def test_other_files_stay(monkeypatch, capsys, tmp_path):
    """A training can use a folder that has other files, and never removes them."""
    train = import_module(golden("regression"), "train", monkeypatch)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit):
        train.main(["--model-parallel", "3", "--out", str(tmp_path)])
    with train.locked(tmp_path / "empty"):
        pass

    assert {"notes.txt", "empty"} == contents(tmp_path).keys()
    train.main(["--epochs", "1", "--out", str(tmp_path)])
    assert b"mine" == contents(tmp_path)["notes.txt"]
    assert 6 == len(contents(tmp_path))
    with pytest.raises(SystemExit):
        train.main(["--epochs", "1", "--out", str(tmp_path)])
    assert "already has a training" in capsys.readouterr().err


@pytest.mark.parametrize("lacking", ["fcntl", "locks"])
def test_without_locks(lacking, monkeypatch, tmp_path):
    """Without locks, in Windows and on some network drives, a training runs."""
    train = import_module(golden("regression"), "train", monkeypatch)
    folder = sys.modules["my_project.out_folder"]

    def flock(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    if lacking == "fcntl":
        monkeypatch.setattr(folder, "fcntl", None)
    else:
        monkeypatch.setattr(folder.fcntl, "flock", flock)
    train.main(["--epochs", "1", "--out", str(tmp_path)])

    assert "best.keras" in contents(tmp_path)


def test_out_is_a_file(monkeypatch, capsys, tmp_path):
    """A file in the folder's place is refused."""
    train = import_module(golden("regression"), "train", monkeypatch)
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SystemExit):
        train.main(["--out", str(tmp_path / "out")])

    assert f"Error: --out {tmp_path / 'out'}: File exists.\n" == capsys.readouterr().err
    assert "mine" == (tmp_path / "out").read_text()


@pytest.mark.exhaustive
def test_two_trainings(tmp_path):
    """A second training ends at once, and does not disturb the first one."""
    project = make(tmp_path)
    words = ["--epochs", "1000000", "--patience", "1000000"]
    first = python(project, "-m", "my_project.train", *words, wait=False)
    history = project / "runs" / "history.csv"
    while not history.exists():
        assert first.poll() is None
        time.sleep(0.01)
    for arguments in ([], ["--resume"]):
        second = python(project, "-m", "my_project.train", *arguments)
        assert 2 == second.returncode
        assert "Error: Another training uses runs. Wait" in second.said
        assert "Epoch" not in second.said and "Traceback" not in second.said
    assert first.poll() is None
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = len(saved(project / "runs")["history"])

    run(project, "--resume", "--epochs", str(done + 2))
    run(project, "--epochs", str(done + 2), "--patience", "1000000", "--out", "whole")

    assert same(saved(project / "whole"), saved(project / "runs"))


FAILING = """
import errno, os, sys
from my_project import train
case, *words = sys.argv[1:]
fsync, count, process = os.fsync, 0, words[-1]

def failing(descriptor):
    global count
    count += "checkpoint" in os.readlink(f"/proc/self/fd/{descriptor}")
    if case == "disk" and count == 2:
        raise OSError(errno.ENOSPC, "No space left on device")
    fsync(descriptor)

def read_data():
    raise FileNotFoundError(2, "No such file or directory", "rows.csv")

os.fsync = failing
if case == f"data {process}":
    from my_project import data
    data.read_data = read_data
train.main(words)
"""


HOLDING = """
import pathlib, time
from my_project.train import locked
with locked(pathlib.Path("runs")):
    print(1, flush=True)
    time.sleep(1000)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", ["disk", "locked", "data 0", "data 1"])
def test_several_processes_end_together(case, tmp_path):
    """If one of several processes fails, all of them end with a message."""
    project = make(tmp_path, task="multiclass")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = ["--epochs", "3", "--coordinator", address, "--num-processes", "2"]
    first = None
    if case == "locked":
        first = python(project, "-c", HOLDING, wait=False)
        assert "1\n" == first.stdout.readline()
    start = time.monotonic()
    processes = [
        python(project, "-c", FAILING, case, *words, "--process-id", i, wait=False)
        for i in "01"
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    if first:
        first.kill()
        first.communicate()

    failed = 1 if case == "data 1" else 0
    message = {
        "disk": "Error: runs/checkpoint.npz cannot be saved: No space left on device.",
        "locked": "Error: Another training uses runs.",
    }.get(case, "Error: read_data() failed: [Errno 2] No such file or directory: 'rows")
    assert [2, 2] == [process.returncode for process in processes], said
    assert message in said[failed]
    assert f"Error: Process {failed} failed. See its message" in said[1 - failed]
    assert time.monotonic() - start < 100
    if case == "disk":
        assert 1 == len(saved(project / "runs")["history"])
