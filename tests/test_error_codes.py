"""Every error has a stable code, and programs get it in the output of `--json`."""

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from scaffold import errors
from scaffold.cli import main
from scaffold.error_codes import CODES, UnknownCommand, usage_code
from scaffold.verify import causes, request

SCAFFOLD = Path(errors.__file__).parent

#: The released codes. A code may be added, but never removed or used for other errors.
STABLE = """
    backend-unsupported base-invalid build-invalid build-missing check-unknown
    checks-inapplicable class-ambiguous class-unknown command-edited command-unknown
    conflicts-unresolved error file-changed file-exists file-in-project
    file-inaccessible file-locked file-missing file-not-regular file-not-text
    file-too-large folder-taken folder-unusable import-failed merge-conflict
    merge-failed merge-tool-missing not-generated option-fixed option-invalid
    option-unknown options-conflict package-missing path-empty path-outside
    project-unavailable record-invalid recording-invalid reference-missing
    revision-invalid settings-invalid source-invalid target-invalid template-broken
    terminal-missing usage verify-failed version-newer view-unknown
    weights-unpaired
    """.split()

#: Codes that no `raise` names: `error`, if another kscaffold adds a class without one.
GENERAL = {"error"}

CLASSES = {
    cls.__name__: cls
    for cls in (*vars(errors).values(), request.VerifyError)
    if isinstance(cls, type) and issubclass(cls, errors.KscaffoldError)
}


def raised() -> Iterator[tuple[str, str]]:
    """Yields the place and the code of each error that kscaffold makes."""
    for path in sorted(SCAFFOLD.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            place = f"{path.relative_to(SCAFFOLD).as_posix()}:{node.lineno}"
            codes = [word.value for word in node.keywords if word.arg == "code"]
            codes = [code for code in codes if isinstance(code, ast.Constant)]
            if codes:
                yield place, codes[0].value
            elif node.func.id in CLASSES:
                yield place, CLASSES[node.func.id].code


def test_codes_are_stable():
    """The list of codes has every released code, in order, and each has a meaning."""
    assert sorted(STABLE) == list(CODES)
    assert all(meaning.endswith(".") for meaning in CODES.values())


def test_every_error_has_a_code():
    """Each error that kscaffold raises has a known code, and each code an error."""
    found = list(raised())
    of_click = {usage_code(error) for error in CLICK_ERRORS}

    assert [] == [(place, code) for place, code in found if code not in CODES]
    assert set(CODES) == {code for _, code in found} | of_click | GENERAL
    assert 150 < len(found)


def test_codes_differ_from_causes():
    """A code means an error of kscaffold or a cause of `verify`, never both."""
    assert set() == CODES.keys() & causes.codes().keys()


CLICK_ERRORS = {
    click.NoSuchOption("--nope"): "option-unknown",
    click.BadParameter("x"): "option-invalid",
    click.MissingParameter("x"): "usage",
    click.UsageError("x"): "usage",
    UnknownCommand("x"): "command-unknown",
}


@pytest.mark.parametrize(("error", "code"), CLICK_ERRORS.items(), ids=str)
def test_usage_code(error, code):
    """Errors of Click have codes."""
    assert code == usage_code(error)


#: What a user gets wrong, in the folder that `folder()` makes.
MISTAKES = [
    (["nope"], "command-unknown"),
    (["new", "a.py", "--nope"], "option-unknown"),
    (["new", "a.py", "--recipe", "gan", "--loss", "mse"], "option-unknown"),
    (["new", "a.py", "--loss", "nope"], "option-invalid"),
    (["new", "a.py", "--line-length", "x"], "option-invalid"),
    (["new", "a.py", "--loss", "crossentropy"], "options-conflict"),
    (["new", "class.py"], "target-invalid"),
    (["new", "mine.py"], "file-exists"),
    (["new", "empty.py"], "file-not-regular"),
    (["new", "full"], "folder-taken"),
    (["new", "a.py", "-i"], "terminal-missing"),
    (["new", "a.py", "b.py"], "usage"),
    (["new", "a.py", "--view", "b.py"], "view-unknown"),
    (["new", "a.py", "--view", "a.py", "--diff"], "usage"),
    (["update"], "usage"),
    (["update", "nope.py"], "file-missing"),
    (["update", "mine.py"], "not-generated"),
    (["update", "empty"], "not-generated"),
    (["update", "gan.py", "--recipe", "vae"], "option-fixed"),
    (["update", "gan.py", "--unset", "nope"], "option-unknown"),
    (["update", "edited.py"], "command-edited"),
    (["update", "latin.py"], "file-not-text"),
    (["check", ""], "path-empty"),
    (["check", "nope"], "file-missing"),
    (["verify", "nope.py"], "file-missing"),
    (["verify", "--list", "--only", "nope"], "check-unknown"),
    (["verify", "mine.py", "--against-backend", "torch"], "usage"),
    (["verify", "mine.py", "--jobs", "1"], "class-unknown"),
    (["verify", "broken.py", "--jobs", "1"], "source-invalid"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with files that kscaffold wrote, and others."""
    folder = tmp_path_factory.mktemp("folder")
    for name in ("empty", "full", "empty.py"):
        (folder / name).mkdir()
    (folder / "mine.py").write_text("x = 1\n")
    (folder / "full" / "data.csv").write_text("1,2\n")
    (folder / "broken.py").write_text("x = (\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run("new", "gan.py", "--recipe", "gan")
    text = (folder / "gan.py").read_text("utf-8")
    (folder / "edited.py").write_text(text.replace("gan.py", "gan.py --demo", 1))
    (folder / "latin.py").write_bytes(text.encode() + b"# \xe9\n")
    return folder


def run(*arguments):
    """Runs a command in this process."""
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(("arguments", "code"), MISTAKES, ids=str)
def test_code_of_a_mistake(arguments, code, folder, monkeypatch):
    """A user's mistake prints one JSON object with the code, and changes nothing."""
    monkeypatch.chdir(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    result = run(*arguments, "--json")
    data = json.loads(result.stdout)
    error = data["checked"][0]["error"] if arguments[0] == "check" else data["error"]

    assert (2, code) == (result.exit_code, error["code"])
    assert {"code", "message", "hint"} == set(error)
    assert error["message"] in result.stderr
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_code_of_a_file_that_cannot_be_read(folder, monkeypatch):
    """A file without permissions has the code of files that cannot be accessed."""
    monkeypatch.chdir(folder)
    (folder / "secret.py").write_text("x = 1\n")
    (folder / "secret.py").chmod(0)
    result = run("update", "secret.py", "--json")
    (folder / "secret.py").unlink()

    assert "file-inaccessible" == json.loads(result.stdout)["error"]["code"]


def test_code_is_printed_for_programs_only(folder, monkeypatch):
    """Messages for people do not show the code."""
    monkeypatch.chdir(folder)

    assert "file-exists" not in run("new", "mine.py").stderr
