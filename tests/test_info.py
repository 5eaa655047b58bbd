"""`kscaffold info` describes the installation and a folder, whatever is in it."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from json_outputs import parsed

import scaffold
from scaffold import Spec
from scaffold.cli import main
from scaffold.errors import WriteError
from scaffold.info import installation
from scaffold.update import outdated

EARLIER = Path(__file__).parent / "earlier"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder, and starts no process for the devices."""
    monkeypatch.chdir(tmp_path)
    devices = [{"platform": "gpu", "kind": "H200", "count": 2}]
    monkeypatch.setattr(installation, "list_devices", lambda: (devices, None))
    return tmp_path


@pytest.fixture
def real_devices(monkeypatch, folder):
    """Asks JAX for the devices."""
    monkeypatch.undo()
    monkeypatch.chdir(folder)


def run(*arguments):
    """Runs a command in this process."""
    return CliRunner().invoke(main, arguments)


def info(*arguments) -> dict:
    """Returns what `info --json` prints."""
    result = run("info", "--json", *arguments)
    assert 0 == result.exit_code, result.stderr
    return parsed(result.stdout, "info-1")


def test_installation(monkeypatch):
    """The versions, the backend and the devices are in the output."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    data = info()

    assert scaffold.__version__ == data["version"]
    assert sys.version.split()[0] == data["python"]
    assert metadata.version("keras") == data["packages"]["keras"]
    assert "torch" == data["backend"]
    assert "error-1.json" in os.listdir(data["schemas"])
    assert [] == data["generated"]
    shown = run("info").stdout
    assert "torch (KERAS_BACKEND; generated files and verify need jax)\n" in shown
    assert "\ndevices    2 gpu (H200)\n" in shown
    assert shown.endswith("\n\nkscaffold generated nothing in .\n")


def test_backend_that_is_not_set(monkeypatch):
    """Without the variable, generated files select JAX."""
    monkeypatch.delenv("KERAS_BACKEND")

    assert info()["backend"] is None
    assert "\nbackend    jax (KERAS_BACKEND is not set)\n" in run("info").stdout


def test_contents(folder):
    """Modules and projects have their version, command, options and status."""
    run("new", "mine/a.py", "--metric", "mse")
    shutil.copyfile(EARLIER / "release_0_2_0_gan.py", "my gan.py")
    shutil.copytree(EARLIER / "my_project", "my_project")
    (folder / "other.py").write_text("x = 1\n")
    generated = {entry["target"]: entry for entry in info()["generated"]}
    new, old, project = (
        generated[name] for name in ("mine/a.py", "my gan.py", "my_project")
    )

    assert 3 == len(generated)
    assert ("module", scaffold.__version__) == (new["kind"], new["version"])
    assert "kscaffold new a.py --metric mse" == new["command"]
    assert ["mse"] == new["options"]["metric"]
    assert new["options"].keys() == {opt.name for opt in Spec().options}
    assert ("same", None, None) == (new["status"], new["update"], new["error"])
    assert ("module", "0.2.0", "differs") == (
        *(old["kind"], old["version"], old["status"]),
    )
    assert ("gan", "kscaffold update 'my gan.py'") == (
        *(old["options"]["recipe"], old["update"]),
    )
    assert "project" == project["kind"]
    assert "kscaffold new my_project" in project["command"]


def test_text(folder):
    """The text names each target, what to do, and the command."""
    run("new", "a.py")
    shutil.copyfile(EARLIER / "release_0_2_0_gan.py", "gan.py")
    shown = run("info").stdout

    version = scaffold.__version__
    assert f"\na.py (module, {version}): up to date\n  kscaffold new a.py\n" in shown
    assert "\ngan.py (module, 0.2.0): an update waits, kscaffold update gan.py" in shown


def test_one_file(folder):
    """A single file, a file of a project, and a file of the user are described."""
    run("new", "a.py")
    run("new", "mine")
    (folder / "other.py").write_text("x = 1\n")

    assert ["a.py"] == [one["target"] for one in info("a.py")["generated"]]
    [project] = info("mine/mine/model.py")["generated"]
    assert ("mine", "project") == (project["target"], project["kind"])
    assert [] == info("other.py")["generated"]
    assert run("info", "other.py").stdout.endswith("kscaffold did not write other.py\n")


def test_damaged_files(folder):
    """Files that cannot be updated have an error with a code. The others are shown."""
    run("new", "good.py")
    text = (folder / "good.py").read_text("utf-8")
    version = scaffold.__version__
    (folder / "newer.py").write_text(
        text.replace(f"kscaffold {version}", "kscaffold 9.9")
    )
    (folder / "cut.py").write_text("\n".join(text.splitlines()[:-1]))
    (folder / "no_header.py").write_text(text.split("\n", 1)[1])
    generated = {entry["target"]: entry for entry in info()["generated"]}

    assert {"good.py", "newer.py", "cut.py", "no_header.py"} == set(generated)
    codes = {n: e["error"] and e["error"]["code"] for n, e in generated.items()}
    assert codes["good.py"] is None and "version-newer" == codes["newer.py"]
    assert "record-invalid" == codes["cut.py"]
    assert "9.9" == generated["newer.py"]["version"]
    assert generated["newer.py"]["options"] is None
    assert "newer than this version" in run("info").stdout


def test_terminal_codes_are_escaped(folder):
    """What a stranger's file says reaches the terminal without its control codes."""
    run("new", "good.py")
    text = (folder / "good.py").read_text("utf-8")
    (folder / "bad.py").write_text(text.replace("new good", "new \x1b[31mgood", 1))

    assert "\x1b" not in run("info").stdout


def test_file_that_cannot_be_read(folder, monkeypatch):
    """In a folder, a file that cannot be read hides no other."""
    run("new", "good.py")
    (folder / "secret.py").touch()
    read = outdated.generated

    def refuse(path):
        if path.name == "secret.py":
            raise WriteError("secret.py cannot be read.", "Check the permissions.")
        return read(path)

    monkeypatch.setattr(outdated, "generated", refuse)
    good, secret = info()["generated"]

    assert ("good.py", "same") == (good["target"], good["status"])
    assert ("secret.py", None) == (secret["target"], secret["kind"])
    assert "file-inaccessible" == secret["error"]["code"]
    said = "\nError: secret.py cannot be read. Check the permissions.\n"
    assert run("info").stdout.endswith(said)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("nope", "file-missing"),
        ("", "path-empty"),
        ("pipe", "file-not-regular"),
        ("loop", "file-inaccessible"),
    ],
)
def test_path_that_cannot_be_described(path, code, folder):
    """A path that does not exist, or is no file, is an error."""
    os.mkfifo(folder / "pipe")
    os.symlink("loop", folder / "loop")
    result = run("info", path, "--json")

    assert 2 == result.exit_code
    assert code == parsed(result.stdout, "error-1")["error"]["code"]


def test_devices(real_devices, folder):
    """JAX lists its devices. A file of the user cannot take its place."""
    (folder / "jax.py").write_text("raise SystemExit('not me')")
    data = info()

    assert data["devices_error"] is None
    assert {"cpu"} == {one["platform"] for one in data["devices"]}


BROKEN = {
    "ImportError: no libcuda": "raise ImportError('no libcuda')",
    "JAX crashes: SIGSEGV.": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "JAX exits with 7.": "import os; os._exit(7)",
    "JAX does not list its devices.": "import os; print('no'); os._exit(0)",
    "JAX does not list its devices within 1 s.": "import time; time.sleep(60)",
}


@pytest.mark.parametrize(("reason", "source"), BROKEN.items(), ids=BROKEN)
def test_broken_jax(reason, source, real_devices, tmp_path, monkeypatch):
    """Whatever the import of JAX does, the rest is shown, with the reason."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "jax.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    monkeypatch.setattr(installation, "LIMIT", 1 if "sleep" in source else 60)
    data = info()

    assert (None, reason) == (data["devices"], data["devices_error"])


def test_without_keras_and_jax(monkeypatch):
    """Without Keras and JAX, their versions are null and nothing is started."""

    def version(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(installation, "list_devices", None)
    data = info()

    assert data["packages"]["keras"] is data["packages"]["jax"] is None
    assert "JAX is not installed." == data["devices_error"]
    assert "\nkeras      not installed\n" in run("info").stdout


def test_info_imports_neither_keras_nor_jax():
    """The process of `info` itself imports neither Keras nor JAX."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "scaffold", "info"],
        capture_output=True,
        text=True,
    )
    modules = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))

    assert "scaffold.info.contents" in modules
    assert set() == modules & {"jax", "keras"}
