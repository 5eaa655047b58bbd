"""Records, headers and tables that strangers wrote do no harm.

A forged record has a valid checksum. Whatever it holds, `update` and `check` exit 0, 1
or 2, print no traceback, and touch no file outside the folder.
"""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from forging import forged, run, state, with_record
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scaffold import KscaffoldError, Spec, render, write
from scaffold.pyproject_table import table, with_values
from scaffold.record import Record

PLAIN = render(Spec(), "a.py")[0].text
PROJECT = render(Spec(), "mine")
#: The record that belongs to a text as it was generated.
BASE = Record.of_word(re.search("# kscaffold:base:([^ \n]*)", PLAIN)[1])


def make_project(**changes) -> Path:
    """Writes a project, with changes of its table, and returns the table's file."""
    write(PROJECT, force=True)
    settings = Path("mine/pyproject.toml")
    text = settings.read_text()
    own = tomllib.loads(text)["tool"]["kscaffold"]
    settings.write_text(with_values(text, {**own, **changes}))
    return settings


def records() -> dict:
    """Returns the records of the project."""
    text = Path("mine/pyproject.toml").read_text()
    return tomllib.loads(text)["tool"]["kscaffold"]["base"]


# Paths.


@pytest.mark.parametrize(
    "path",
    [
        "../victim.py",
        "mine/../../victim.py",
        "{outside}/victim.py",
        "link/victim.py",
        "mine/victim.py",
        "notes.txt",
        "",
        ".",
        "mine",
        "mine/../README.md",
        "./README.md",
        "mine\\\\data.py",
        "a" * 5000,
        "mine/trian.py",
        "mine/\n.py",
    ],
)
def test_recorded_path(path, folder):
    """A path that no such project has is refused, and no file is removed."""
    Path("victim.py").write_text("x = 1\n")
    Path("mine").mkdir()
    Path("mine/link").symlink_to(folder)
    write(PROJECT, force=True)
    Path("mine/notes.txt").write_text("x = 1\n")
    Path("mine/mine/victim.py").write_text("x = 1\n")
    path = path.format(outside=folder)
    make_project(base={**records(), path: forged("x = 1\n")})
    before = state(folder)

    result = run("update", "mine", "--test-step")

    assert 2 == result.exit_code
    assert "is not a file of such a project" in result.stderr
    assert before == state(folder)


@pytest.mark.parametrize("key", ["mine/train.py", "README.md", "mine/model.py"])
def test_changed_key(key, folder):
    """Another path in place of a file's own does not remove that file."""
    make_project()
    words = records()
    words["mine/other.py"] = words.pop(key)
    make_project(base=words)
    before = state(folder)

    assert 2 == run("update", "mine", "--test-step").exit_code
    assert before == state(folder)


@pytest.mark.parametrize("place", ["mine", "mine/train.py", "tests"])
def test_links_out_of_the_project(place, folder):
    """A file or a folder that is a link to outside is refused, and not written."""
    make_project()
    inside, outside = Path("mine", place), folder / "outside"
    inside.rename(outside)
    inside.symlink_to(outside)
    before = state(folder)
    result = run("update", "mine", "--class-name", "Net")

    assert 2 == result.exit_code
    assert "is outside the project, through a link" in result.stderr
    assert before == state(folder)


def test_links_in_the_project(folder):
    """A link to another place in the project is followed, and stays."""
    make_project()
    Path("mine/README.md").rename("mine/about.md")
    Path("mine/README.md").symlink_to("about.md")

    assert 0 == run("update", "mine", "--class-name", "Net").exit_code
    assert Path("mine/README.md").is_symlink()
    assert "Net" in Path("mine/about.md").read_text()


# Commands and headers.


@pytest.mark.parametrize(
    "command",
    [
        "kscaffold new 'mine\nimport os'",
        "kscaffold new 'mine; import os'",
        'kscaffold new \'"""\'',
        "kscaffold new ../mine",
        "kscaffold new /mine",
        "kscaffold new class",
        "kscaffold new tests",
        "kscaffold new mine.py",
        "kscaffold new -",
        "kscaffold new ''",
        "kscaffold new .",
        "kscaffold new mine --class-name 'A: pass'",
        "kscaffold new mine --recipe gan",
        "kscaffold new mine --line-length " + "9" * 5000,
        "kscaffold new",
        "kscaffold new 'mine",
        "rm -rf mine",
        "",
    ],
)
def test_command(command, folder):
    """The command of a project is checked as if it was typed."""
    make_project(command=command)
    before = state(folder)

    assert 2 == run("update", "mine", "--test-step").exit_code
    result = run("check", "mine", "--json")

    assert 2 == result.exit_code
    assert "error" == json.loads(result.stdout)["checked"][0]["status"]
    assert before == state(folder)


@pytest.mark.parametrize("version", ["9" * 5000, "x", "0.3.0 rm", "1" * 400, "..", ""])
def test_version(version, folder):
    """What is not a version is refused, in a module and in a project."""
    make_project(version=version)
    header = re.sub(r"(?<=kscaffold )[\d.]+(?=:)", version, PLAIN, count=1)
    Path("a.py").write_text(header)
    before = state(folder)

    assert 2 == run("update", "mine").exit_code
    if version and " " not in version:  # else the line is no header
        assert 2 == run("update", "a.py").exit_code
    assert before == state(folder)


# Records.

FORGED = {
    "a number as styles": forged(BASE.text, 3),
    "no styles": forged(BASE.text, []),
    "a list as style": forged(BASE.text, [[1]]),
    "a word as line length": forged(BASE.text, [{"line_length": "x"}]),
    "a negative line length": forged(BASE.text, [{"line_length": -1}]),
    "true as line length": forged(BASE.text, [{"line_length": True}]),
    "an unknown setting": forged(BASE.text, [{"nope": True}]),
    "another type": forged(BASE.text, [{"is_pyi": [1]}]),
    "an unknown feature": forged(BASE.text, [{"enabled_features": ["nope"]}]),
    "deep styles": forged(BASE.text, "[" * 50_000),
    "a long number": forged(BASE.text, "9" * 5000),
    "many styles": forged(BASE.text, [{"line_length": n} for n in range(1, 500)]),
    "no text": forged(""),
    "no header": forged("x = 1\n"),
    "no Python": forged(BASE.text + "x = (\n"),
    "deep text": forged(BASE.text + f"x = {'-' * 60_000}1\n"),
    "a long sum": forged(BASE.text + f"x = {'+'.join('1' * 20_000)}\n"),
    "another command": forged(BASE.text.replace("new a.py", "new a.py --no-demo")),
    "no record": "",
    "no base 64": "###",
    "very long": "A" * 2_000_000,
}


@pytest.mark.parametrize("word", FORGED.values(), ids=FORGED)
def test_forged_record(word, folder):
    """A forged record is an error about its file, and about no other."""
    Path("a.py").write_text(with_record(PLAIN, word))
    Path("good.py").write_text(render(Spec(), "good.py")[0].text)
    before = state(folder)

    result = run("update", "a.py", "--test-step")
    checked = json.loads(run("check", ".", "--json").stdout)["checked"]

    assert 2 == result.exit_code and result.stderr.startswith("Error: ")
    assert {"a.py": "error", "good.py": "same"} == {
        entry["target"]: entry["status"] for entry in checked
    }
    assert before == state(folder)


@pytest.mark.parametrize("path", ["mine/model.py", "mine/train.py"])
@pytest.mark.parametrize(
    "word",
    [forged(""), forged("x = (\n"), forged("x", 3), forged("x", [{"line_length": 0}])],
    ids=["empty", "no Python", "a number as styles", "no line length"],
)
def test_forged_record_in_a_project(path, word, folder):
    """Likewise for the records of a project."""
    make_project()
    make_project(base={**records(), path: word})
    before = state(folder)

    assert 2 == run("update", "mine", "--test-step").exit_code
    assert before == state(folder)


def test_record_alone(folder):
    """A file that is only a record is an error, or has nothing to update."""
    Path("a.py").write_text(PLAIN.rstrip("\n").split("\n")[-1])

    assert run("update", "a.py", "--test-step").exit_code in (1, 2)
    assert 1 == len(json.loads(run("check", ".", "--json").stdout)["checked"])


# What would take minutes, or all memory.

BOMBS = {
    "a key with many dots": ("pyproject.toml", f"[tool.kscaffold]\n{'a.' * 50_000}a=1"),
    "blanks in a header": (
        "a.py",
        f"# Generated by kscaffold 1: kscaffold new {' ' * 200_000}x\n",
    ),
    "blank lines with mixed ends": (
        "a.py",
        PLAIN.replace("\n", "\r\n", 1).replace("\nif __", "\n" * 30_000 + "\nif __"),
    ),
    "equal lines": ("a.py", PLAIN.replace("\nif __", "\nx = 1" * 30_000 + "\nif __")),
    "functions in a record": (
        "a.py",
        with_record(
            PLAIN,
            forged(BASE.text + "".join(f"def f{n}(): 1\n" for n in range(4000))),
        ),
    ),
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param(*bomb, id=what, marks=pytest.mark.exhaustive if n > 1 else ())
        for n, (what, bomb) in enumerate(BOMBS.items())
    ],
)
def test_bombs(name, content, folder):
    """A small file does not take much time or memory. The limits are generous."""
    Path("mine").mkdir()
    Path("mine", name).write_text(content)
    for number in range(3):
        Path(f"mine/other{number}.py").write_text("x = 1\n")
    script = 'ulimit -v 3000000 -t 60; exec "$@"'
    for words in (
        ["check", "mine", "--json"],
        ["update", "mine/a.py", "--line-length", "60"],
        ["new", "mine/new.py"],
    ):
        command = ["bash", "-c", script, "-", sys.executable, "-m", "scaffold", *words]
        done = subprocess.run(command, capture_output=True, text=True)

        assert done.returncode in (0, 1, 2), done.stderr
        assert "Traceback" not in done.stderr


def test_large_files(folder):
    """Large files are not read: they are not generated."""
    for path in ("big.py", "deep/big.py", "deep/pyproject.toml", "mine/weights"):
        Path(path).parent.mkdir(exist_ok=True)
        with open(path, "wb") as file:
            file.truncate(8 * 2**30)
    write(PROJECT)
    Path("mine/.gitignore").unlink()

    assert 0 == run("check", "deep", "mine").exit_code
    assert "larger than 10 MB" in run("check", "big.py").stderr
    assert 0 == run("update", "mine", "--test-step").exit_code


# Folders.


def test_project_in_a_project(folder):
    """Files of another project inside are not taken for moved files."""
    write(PROJECT)
    write(render(Spec(), "mine/inner"))
    for path in ("mine/README.md", "mine/mine/train.py"):
        Path(path).unlink()
    before = state(folder / "mine" / "inner")
    run("update", "mine", "--task", "binary", "--class-name", "Net")

    assert before == state(folder / "mine" / "inner")


def test_new_through_a_link(folder):
    """`new` completes no project whose package is elsewhere, through a link."""
    write(PROJECT)
    shutil.rmtree("mine/mine")
    Path("outside").mkdir()
    Path("mine/mine").symlink_to(folder / "outside")

    assert "is outside the project, through a link" in run("new", "mine").stderr
    assert "outside" in run("new", "mine", "--force").stderr
    assert [] == list(Path("outside").iterdir())


def test_folders_that_cannot_be_searched(folder, monkeypatch):
    """A folder that cannot be read is an entry of its own, and deep ones are read."""
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "model.py").write_text(PLAIN)
    deep = folder / "deep"
    for _ in range(400):
        deep.mkdir()
        monkeypatch.chdir(deep)
        deep = Path("d")
    monkeypatch.chdir(folder)
    real = Path.iterdir

    def iterdir(path):
        if path.name == "b":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    result = run("check", ".", "--json")
    entries = json.loads(result.stdout)["checked"]

    assert 2 == result.exit_code
    assert {"same", "error"} == {entry["status"] for entry in entries}
    assert 2 == len(entries)


def test_long_path_in_a_record(folder):
    """A recorded path that no system has is an error of that project."""
    make_project()
    make_project(base={**records(), "a" * 300: forged("x = 1\n")})
    Path("mine/new.py").write_text(PLAIN)
    entries = json.loads(run("check", "mine", "--json").stdout)["checked"]

    assert {"mine", "mine/new.py"} == {entry["target"] for entry in entries}


# Random content.


def texts():
    """Draws pieces of text that may be special somewhere."""
    special = ["\n", "\r", "\0", "#", '"', "'", "=", "[", "]", "..", "/", "\\", "{{"]
    words = ["kscaffold", "new", "--loss", "mine", "0.3.0", "base", "import os", "-1"]
    return st.lists(
        st.one_of(st.sampled_from(special + words), st.text(max_size=8)), max_size=6
    ).map("".join)


@st.composite
def edited(draw, text: str):
    """Draws a valid text with a few edits of its header, its record and its rest."""
    for _ in range(draw(st.integers(1, 3))):
        places = [0, text.find("\n"), text.rfind("#"), len(text)]
        at = draw(st.sampled_from(places) | st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 1, 5, 50]))
        text = text[:at] + draw(texts()) + text[at + length :]
    return text


def settings_values():
    """Draws Black's settings, with values of any type."""
    values = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
    values |= st.lists(values, max_size=2)
    names = st.sampled_from(
        ["line_length", "is_pyi", "preview", "enabled_features", "target_versions"]
    )
    return st.lists(st.dictionaries(names, values, max_size=3), max_size=3)


def holds(check, strategy, examples: int) -> None:
    """Checks a property with many examples, always the same."""
    run_all = given(strategy)(check)
    settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(run_all)()


def check_harmless(folder: Path, target: str, flags: list[str]) -> None:
    """Updates and checks a target, which must not change anything around it."""
    outside = folder / "outside"
    before = state(outside)
    run("check", target, "--json")
    result = run("update", target, *flags)
    if result.exit_code == 2:
        assert "Error: " in result.stderr
    assert before == state(outside)


EXAMPLES = [8, pytest.param(400, marks=pytest.mark.exhaustive)]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_random_modules(examples, folder):
    """Random headers, records and texts of modules do no harm."""
    (folder / "outside").mkdir()
    (folder / "outside" / "victim.py").write_text(PLAIN)

    def check(content, flags):
        Path("a.py").write_text(content, "utf-8", "surrogatepass")
        check_harmless(folder, "a.py", flags)

    flags = st.sampled_from([[], ["--test-step"], ["--line-length", "100"]])
    records = st.builds(forged, edited(BASE.text) | texts(), settings_values())
    content = edited(PLAIN) | records.map(lambda word: with_record(PLAIN, word))
    holds(lambda drawn: check(*drawn), st.tuples(content, flags), examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_random_projects(examples, folder):
    """Random tables in a `pyproject.toml`, and random records, do no harm."""
    (folder / "outside").mkdir()
    (folder / "outside" / "victim.py").write_text("x = 1\n")
    write(PROJECT)
    whole = state(folder / "mine")
    text = whole["pyproject.toml"].decode()
    own = tomllib.loads(text)["tool"]["kscaffold"]
    hostile = ["../outside/victim.py", str(folder / "outside/victim.py")]
    paths = st.sampled_from(hostile) | st.sampled_from([*own["base"]])
    words = st.just(forged("x = 1\n"))
    words |= st.sampled_from([*own["base"].values(), forged("")])

    def put(tables):
        version, command, base = tables
        base = {path: word for path, word in base.items() if word}
        return with_values(text, {**table(command, base), "version": version})

    def check(content, flags):
        for path, old in whole.items():
            (folder / "mine" / path).write_bytes(old)
        Path("mine/pyproject.toml").write_text(content, "utf-8", "surrogatepass")
        check_harmless(folder, "mine", flags)

    versions = st.just(own["version"]) | st.sampled_from(["9" * 9, "x"])
    commands = st.just(own["command"]) | edited(own["command"])
    base = st.dictionaries(paths, words, max_size=2).map(
        lambda changed: {**own["base"], **changed}
    )
    valid = st.tuples(versions, commands, base).map(_or_nothing(put))
    flags = st.sampled_from([[], ["--test-step"]])
    content = edited(text) | valid
    holds(lambda drawn: check(*drawn), st.tuples(content, flags), examples)


def _or_nothing(put):
    """Returns a function that returns an empty text where TOML cannot hold a value."""

    def attempt(drawn):
        try:
            return put(drawn)
        except (ValueError, KscaffoldError):
            return ""

    return attempt


@pytest.mark.exhaustive
@pytest.mark.parametrize("examples", [12])
def test_random_files_to_verify(examples, folder):
    """Random headers and records do no harm to `verify`, which runs the file."""
    (folder / "outside").mkdir()
    (folder / "outside" / "victim.py").write_text(PLAIN)
    before = state(folder / "outside")
    words = ["verify", "a.py", "--only", "losses: plain", "--jobs", "1"]

    def check(content):
        Path("a.py").write_text(content, "utf-8", "surrogatepass")
        command = [sys.executable, "-m", "scaffold", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)

        assert done.returncode in (0, 1, 2), done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        assert before == state(folder / "outside")

    header, newline, rest = PLAIN.partition("\n")
    headers = edited(header).map(lambda text: text + newline + rest)
    holds(check, headers | edited(PLAIN), examples)
