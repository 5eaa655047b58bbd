"""Proves that files are written atomically and never overwrite other files."""

import errno
import multiprocessing
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from scaffold import RenderedFile, write, writing
from scaffold.cli import main
from scaffold.errors import WriteError
from scaffold.file_comparison import compare, unified_diff
from scaffold.regular_files import HINTS, read

#: How often two processes write the same file. Without the hard link, a third fails.
ROUNDS = 200


def rendered(path, text="new\n"):
    """Returns a list like the one that `render()` returns."""
    return [RenderedFile(Path(path), text)]


def no_hard_links(*_):
    """Replaces `os.link()`, as on a file system without hard links such as FAT."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def compete(barrier, folder, text, wins, hard_links):
    """Writes one file per round, at the same time as the other process."""
    if not hard_links:
        os.link = no_hard_links
    won = []
    for number in range(ROUNDS):
        barrier.wait()
        try:
            write(rendered(folder / f"{number}.py", text))
        except WriteError:
            continue
        won.append((number, text))
    wins.put(won)


@pytest.mark.parametrize("hard_links", [True, False], ids=["link", "rename"])
def test_race(tmp_path, hard_links):
    """Of two processes that write one file, exactly one wins, and its text stays."""
    context = multiprocessing.get_context("spawn")
    barrier, wins = context.Barrier(2), context.Queue()
    processes = [
        context.Process(
            target=compete, args=(barrier, tmp_path, text, wins, hard_links)
        )
        for text in ("first\n", "second\n")
    ]
    for process in processes:
        process.start()
    won = wins.get(timeout=60) + wins.get(timeout=60)
    for process in processes:
        process.join()

    assert [0, 0] == [process.exitcode for process in processes]
    assert list(range(ROUNDS)) == sorted(number for number, _ in won)
    assert all((tmp_path / f"{n}.py").read_text() == text for n, text in won)
    assert ROUNDS == len(list(tmp_path.iterdir()))


def test_race_of_commands(tmp_path):
    """Of two `kscaffold new` for one file, one exits 0 and the other 2."""
    for number in range(4):
        command = [sys.executable, "-m", "scaffold", "new", f"model_{number}.py"]
        pair = [
            subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = {process.communicate()[1]: process.returncode for process in pair}

        assert [0, 2] == sorted(said.values())
        assert all("Traceback" not in message for message in said)


WRITER = """
import sys
from pathlib import Path
from scaffold import write
from types import SimpleNamespace

folder, force = Path(sys.argv[1]), sys.argv[2] == "force"
number = 0
print("ready", flush=True)
while True:
    name = "same.py" if force else f"{number}.py"
    text = f"{number % 2}" * 300_000
    write([SimpleNamespace(path=folder / name, text=text)], force=force)
    number += 1
"""


@pytest.mark.parametrize("mode", ["force", "new"])
def test_kill(tmp_path, mode):
    """A process that is killed at any time leaves complete files only."""
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        command = [sys.executable, "-c", WRITER, str(folder), mode]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(random.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)
        written = [path.read_bytes() for path in folder.glob("[!.]*.py")]

        assert set(written) <= {b"0" * 300_000, b"1" * 300_000}
        assert -signal.SIGKILL == process.returncode


def test_refuses_existing_files(tmp_path):
    """An existing file is refused, even with the same text, and stays unchanged."""
    path = tmp_path / "a.py"
    path.write_text("new\n")

    with pytest.raises(WriteError, match="a.py already exists") as caught:
        write(rendered(path))

    assert "--diff" in caught.value.hint and "--force" in caught.value.hint
    assert "new\n" == path.read_text()


def test_checks_all_before_writing_one(tmp_path):
    """If one of several files exists, none is written."""
    (tmp_path / "b.py").write_text("old\n")

    with pytest.raises(WriteError, match="b.py already exists"):
        write(rendered(tmp_path / "a.py") + rendered(tmp_path / "b.py"))

    assert ["b.py"] == os.listdir(tmp_path)


def test_force(tmp_path):
    """`force` overwrites the text and keeps the mode."""
    path = tmp_path / "a.py"
    path.write_text("old\n")
    path.chmod(0o751)

    written = write(rendered(path), force=True)

    assert [path] == written
    assert "new\n" == path.read_text()
    assert 0o751 == path.stat().st_mode & 0o777
    assert ["a.py"] == os.listdir(tmp_path)


def test_force_writes_through_links(tmp_path):
    """`force` overwrites the file that a link points to, and keeps the link."""
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.py", tmp_path / "link.py"
    target.write_text("old\n")
    link.symlink_to(target)

    write(rendered(link), force=True)

    assert "new\n" == target.read_text()
    assert link.is_symlink()


@pytest.mark.parametrize("force", [False, True])
def test_broken_link(tmp_path, force):
    """A broken link counts as existing. `force` creates the file it points to."""
    link = tmp_path / "link.py"
    link.symlink_to(tmp_path / "nowhere.py")

    if force:
        write(rendered(link), force=True)
        assert "new\n" == (tmp_path / "nowhere.py").read_text()
    else:
        with pytest.raises(WriteError, match="exists"):
            write(rendered(link))


def test_umask(tmp_path):
    """A new file has the mode that the umask allows."""
    before = os.umask(0o027)
    try:
        write(rendered(tmp_path / "a.py"))
    finally:
        os.umask(before)

    assert 0o640 == (tmp_path / "a.py").stat().st_mode & 0o777


def test_makes_parents(tmp_path):
    """Missing parent folders are created."""
    write(rendered(tmp_path / "a" / "b" / "c.py"))

    assert "new\n" == (tmp_path / "a" / "b" / "c.py").read_text()


def test_bytes(tmp_path):
    """The text is written as UTF-8, with unchanged line ends."""
    write(rendered(tmp_path / "a.py", "ä\n\r\n"))

    assert b"\xc3\xa4\n\r\n" == (tmp_path / "a.py").read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "is a folder"),
        ("file/a.py", "Not a directory"),
        ("file/deep/a.py", "Not a directory"),
        ("a" * 255 + ".py", "File name too long"),
        ("a\0.py", "null"),
        ("loop/a.py", "symbolic links"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_impossible_targets(tmp_path, name, reason, force):
    """A target that cannot be a file is an error that names it, and leaves nothing."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old\n")
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(WriteError, match=reason) as caught:
        write(rendered(tmp_path / name), force=force)

    assert name.split("/")[0].split("\0")[0] in caught.value.message
    assert "\0" not in caught.value.message
    assert {"folder", "file", "loop"} == set(os.listdir(tmp_path))


def test_text_that_cannot_be_encoded(tmp_path):
    """A lone surrogate is an error, not a traceback."""
    with pytest.raises(WriteError, match="cannot be encoded"):
        write(rendered(tmp_path / "a.py", "\udcff"))

    assert [] == os.listdir(tmp_path)


def test_standard_output_is_no_file(tmp_path, monkeypatch):
    """`write()` never writes a file named `-`."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WriteError, match="standard output"):
        write(rendered("-"))

    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize("function", ["open", "fsync", "link"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_failing_disk(tmp_path, monkeypatch, function, number):
    """An error of the operating system is reported, and no file remains."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writing.os, function, fail)
    with pytest.raises(WriteError, match=os.strerror(number)):
        write(rendered(tmp_path / "a.py"))

    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize("number", HINTS)
def test_hints_of_the_system(tmp_path, monkeypatch, number):
    """An error of the operating system comes with what to do about it."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writing.os, "fsync", fail)
    with pytest.raises(WriteError, match=os.strerror(number)) as caught:
        write(rendered(tmp_path / "a.py"))

    assert HINTS[number] == caught.value.hint


def test_full_disk(tmp_path):
    """A file that does not fit ends the command with 2, without a traceback."""
    command = f'ulimit -f 1; "{sys.executable}" -m scaffold new a.py'
    result = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True
    )

    assert 2 == result.returncode
    assert "Error: a.py cannot be written: File too large.\n" == result.stderr
    assert [] == os.listdir(tmp_path)


def test_compare():
    """Bytes are the same, differ, or are missing."""
    assert "same" == compare(b"a\n", b"a\n")
    assert "differs" == compare(b"a\r\n", b"a\n")
    assert "missing" == compare(None, b"a\n")


def test_read_is_for_files(tmp_path):
    """A pipe is refused, because reading it would block."""
    os.mkfifo(tmp_path / "pipe.py")

    with pytest.raises(WriteError, match="pipe.py is not a regular file"):
        read(tmp_path / "pipe.py")
    assert read(tmp_path / "missing.py") is None


def special(path: Path, kind: str):
    """Makes a file that is not a regular one. Returns what must stay open."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        return server
    elif kind == "device":
        path.symlink_to("/dev/null")
    elif kind == "link to a pipe":
        os.mkfifo(path.with_name("pipe"))
        path.symlink_to("pipe")
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    return None


#: Kinds that all commands meet in CI only.
LATER = ("socket", "link to a pipe", "folder")
SPECIAL = ["pipe", "socket", "device", "link to a pipe", "folder", "loop"]


@pytest.mark.parametrize("kind", SPECIAL)
def test_only_regular_files_are_replaced(kind, tmp_path):
    """`force` refuses a pipe, a socket, a device and a folder, also through a link."""
    path = tmp_path / "a.py"
    kept = special(path, kind)
    before = path.lstat()

    for files in (rendered(path), rendered(tmp_path / "b.py") + rendered(path)):
        with pytest.raises(WriteError, match="not a regular|is a folder|symbolic"):
            write(files, force=True)

    assert before.st_ino == path.lstat().st_ino
    assert stat.S_IFMT(before.st_mode) == stat.S_IFMT(path.lstat().st_mode)
    assert not (tmp_path / "b.py").exists()
    assert kept is None or kept.close() is None


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.exhaustive if kind in LATER else ())
        for kind in SPECIAL
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        *(["new", "a.py", "--force"], ["new", "a.py", "--diff"], ["new", "a.py"]),
        *(["update", "a.py"], ["check", "a.py"], ["update", "good.py", "--base"]),
        *(["verify", "a.py"], ["new", "a.py", "--check"], ["new", "-", "--json"]),
    ],
    ids=" ".join,
)
def test_commands_refuse_what_is_no_file(kind, words, tmp_path, monkeypatch):
    """No command blocks, or replaces what is not a regular file."""
    if words == ["check", "a.py"] and kind == "folder":
        pytest.skip("a folder without generated files is up to date")
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(main, ["new", "good.py"])
    kept = special(tmp_path / "a.py", kind)
    before = sorted(os.listdir(tmp_path))
    words = [*words, "a.py"] if words[-1] == "--base" else words
    result = CliRunner().invoke(main, words)

    assert (0 if words[1] == "-" else 2) == result.exit_code, result.output
    assert "Error: " in result.stderr or words[1] == "-"
    assert before == sorted(os.listdir(tmp_path))
    assert kept is None or kept.close() is None


OLD = {
    "missing": None,
    "empty": b"",
    "changed": b"a\nb\nc\n",
    "no newline at the end": b"a\nnew",
    "CRLF": b"a\r\nnew\r\n",
    "not UTF-8": b"\xff\xfe\n\xe9\n",
    "other line ends": b"a\x0cb\x85c\rd\n\xe2\x80\xa8\n",
}


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
@pytest.mark.parametrize("old", OLD.values(), ids=OLD.keys())
@pytest.mark.parametrize("name", ["a.py", "with blank.py"])
def test_diff_can_be_applied(tmp_path, old, name):
    """`git apply` applies the diff to the old file."""
    path, new = tmp_path / name, b"new\nlines\n"
    if old is not None:
        path.write_bytes(old)
    diff = unified_diff(Path(name), old, new).encode("utf-8", "surrogateescape")
    apply = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    # Above any repository, paths are relative to the working folder.
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    subprocess.run(apply, cwd=tmp_path, input=diff, check=True, env=environ)

    assert new == path.read_bytes()


def test_diff_of_the_same_is_empty():
    """The diff of equal files is empty."""
    assert "" == unified_diff(Path("a.py"), b"a\n", b"a\n")
