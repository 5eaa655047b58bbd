"""Proves that the update of a project keeps every edit, and finds every file."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from matrix import golden_projects

from scaffold import Spec, __version__, render, write
from scaffold.cli import main
from scaffold.update import file_swap

NAME = "my_project"
MODEL = f"{NAME}/{NAME}/model.py"
TRAIN = f"{NAME}/{NAME}/train.py"

pytestmark = pytest.mark.usefixtures("plain_compiler")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in a folder with a project."""
    monkeypatch.chdir(tmp_path)
    write(render(Spec(), NAME))
    return tmp_path


def update(*arguments, code=0):
    """Runs `kscaffold update`, and returns what it said on standard error."""
    result = CliRunner().invoke(main, ["update", *map(str, arguments)])
    assert code == result.exit_code, result.output
    return result.stderr


def edit(path, old, new):
    """Replaces a part of a file that is there once."""
    content = Path(path).read_text()
    assert 1 == content.count(old)
    Path(path).write_text(content.replace(old, new))


def files(below=NAME) -> dict[str, str]:
    """Reads the files of a project."""
    return {
        path.relative_to(below).as_posix(): path.read_text()
        for path in Path(below).rglob("*")
        if path.is_file()
    }


def expected(**options) -> dict[str, str]:
    """Renders a project."""
    return {
        file.path.relative_to(NAME).as_posix(): file.text
        for file in render(Spec(**options), NAME)
    }


CHANGES = [
    ["--test-step", "--manual-loss"],
    pytest.param(
        ["--task", "multiclass", "--sample-weight", "--fuse-steps"],
        marks=pytest.mark.exhaustive,
    ),
    pytest.param(
        ["--style", "subclass", "--class-name", "Net", "--no-demo"],
        marks=pytest.mark.exhaustive,
    ),
    ["--line-length", "100", "--target-version", "py312"],
]


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_round_trip(words):
    """Without edits, an update gives what `new` writes, and back the same bytes."""
    before = files()
    command = ["new", "other/my_project", *words]
    assert 0 == CliRunner().invoke(main, command).exit_code

    update(NAME, *words)

    assert files(f"other/{NAME}") == files()
    names = [word[2:] for word in words if word.startswith("--")]
    names = [name.removeprefix("no-") for name in names]
    update(NAME, *(word for name in names for word in ("--unset", name)))
    assert before == files()
    assert f"{NAME} is up to date\n" == update(NAME)


def test_edits_stay():
    """Edits in all files stay, and so does what the user put into `pyproject.toml`."""
    edits = {
        "pyproject.toml": ('"scikit-learn",', '"scikit-learn",\n    "pandas",'),
        "README.md": ("## Training\n", "## Training\n\nMine.\n"),
        ".gitignore": ("runs", "runs\nmine"),
        f"{NAME}/data.py": ("def read_data", "# Mine.\n\n\ndef read_data"),
        f"{NAME}/train.py": ("def build_model", "# Mine.\n\n\ndef build_model"),
        f"{NAME}/model.py": (
            "        grad_fn = ",
            "        # Mine.\n        grad_fn = ",
        ),
    }
    for path, (old, new) in edits.items():
        content = Path(NAME, path).read_text()
        Path(NAME, path).write_text(content.replace(old, new, 1))
    Path(NAME, "pyproject.toml").write_text(
        Path(NAME, "pyproject.toml").read_text() + "\n[tool.mine]\nx = 1\n"
    )

    update(NAME, "--manual-metrics", "--sample-weight", "--test-step")

    options = {"manual_metrics": True, "sample_weight": True, "test_step": True}
    wanted = expected(**options)
    for path, (old, new) in edits.items():
        wanted[path] = wanted[path].replace(old, new, 1)
    wanted["pyproject.toml"] += "\n[tool.mine]\nx = 1\n"
    assert wanted == files()
    assert f"{NAME} is up to date\n" == update(NAME)


@pytest.mark.exhaustive
def test_updated_project_trains():
    """An updated project with edits trains: its files are those of a new one."""
    edit(MODEL, "        grad_fn = ", "        # Mine.\n        grad_fn = ")
    update(NAME, "--task", "multiclass", "--sample-weight", "--fuse-steps")

    done = subprocess.run(
        [sys.executable, "-m", f"{NAME}.train", "--epochs", "1"],
        cwd=NAME,
        env={**os.environ, "XLA_FLAGS": ""},
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stdout + done.stderr


def test_renamed_class():
    """A class that the user renamed keeps its name in all files."""
    for path in (MODEL, TRAIN):
        Path(path).write_text(Path(path).read_text().replace("CustomModel", "Net"))

    update(NAME, "--manual-loss", "--style", "sequential")

    wanted = expected(manual_loss=True, style="sequential", class_name="Net")
    assert wanted == files()


def test_moved_files():
    """Files that the user moved are updated where they are now."""
    Path(NAME, "nets").mkdir()
    Path(MODEL).rename(f"{NAME}/nets/net.py")
    edit(TRAIN, "from .model import", "from ..nets.net import")

    said = update(NAME, "--test-step")

    wanted = expected(test_step=True)
    assert wanted[f"{NAME}/model.py"] == Path(NAME, "nets/net.py").read_text()
    assert not Path(MODEL).exists()
    assert f"Updated {NAME}/nets/net.py\n" in said
    assert f"{NAME} is up to date\n" == update(NAME)
    # The module alone is not a project.
    assert f"kscaffold update {NAME}" in update(f"{NAME}/nets/net.py", code=2)


def test_renamed_project():
    """A project whose folder has another name keeps the name of its package."""
    Path(NAME).rename("clone")

    update("clone", "--test-step")

    assert expected(test_step=True) == files("clone")


def test_renamed_package():
    """A package that the user renamed is found by what is in it."""
    Path(NAME, NAME).rename(Path(NAME, "net"))
    for path in [*Path(NAME, "net").glob("*.py"), Path(NAME, "tests/test_model.py")]:
        path.write_text(path.read_text().replace(NAME, "net"))

    update(NAME, "--manual-loss")

    wanted = expected(manual_loss=True)
    for name in ("model", "train", "data", "checkpoint"):
        found = Path(NAME, "net", f"{name}.py").read_text()
        assert wanted[f"{NAME}/{name}.py"].replace(NAME, "net") == found.replace(
            NAME, "net"
        )
    assert not Path(NAME, NAME).exists()


def test_removed_file():
    """A file that the user removed stays away; it is said if the update changes it."""
    Path(NAME, "README.md").unlink()
    Path(TRAIN).unlink()

    update(NAME, "--test-step")

    assert not Path(NAME, "README.md").exists()
    said = update(NAME, "--class-name", "Net", code=1)
    assert "README.md: you removed it, but the update changes it" in said
    assert "train.py: you removed it, but the update changes it" in said
    assert not Path(TRAIN).exists()
    assert f"{NAME} is up to date\n" == update(NAME)


def test_conflict():
    """A conflict in one file is said, and the others are updated; or none is."""
    edit(MODEL, "For a loss of your own,", "For a loss of their own,")
    before = files()

    said = update(NAME, "--manual-loss", "--abort-on-conflict", code=1)

    assert "Nothing was changed." in said
    assert before == files()
    said = update(NAME, "--manual-loss", code=1)
    assert f"Conflict in {MODEL}, lines " in said
    assert expected(manual_loss=True)[f"{NAME}/train.py"] == Path(TRAIN).read_text()
    assert "conflicts that are not resolved" in update(NAME, code=2)


@pytest.mark.parametrize(
    "ends_after",
    [2, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (1, 3))],
)
def test_killed_between_files(ends_after, monkeypatch):
    """After a kill between two files, the same update does the rest."""
    edit(MODEL, "        grad_fn = ", "        # Mine.\n        grad_fn = ")
    real, written = file_swap.write, []

    def some(rendered, force=False):
        if force:
            real(rendered[:ends_after], force=True)
            written.extend(rendered[:ends_after])
            raise KeyboardInterrupt
        real(rendered)

    options = ["--manual-loss", "--task", "binary"]
    with monkeypatch.context() as patch:
        patch.setattr(file_swap, "write", some)
        CliRunner().invoke(main, ["update", NAME, *options])
    assert ends_after == len(written)

    update(NAME, *options)

    wanted = expected(manual_loss=True, task="binary")
    old = "        grad_fn = "
    wanted[f"{NAME}/model.py"] = wanted[f"{NAME}/model.py"].replace(
        old, f"        # Mine.\n{old}"
    )
    assert wanted == files()


LOST = {
    "no section": ("[tool.kscaffold]", "[tool.other]", "no section [tool.kscaffold]"),
    "no records": ("[tool.kscaffold.base]", "[tool.other]", "has no records"),
    "an edited command": (
        'kscaffold new my_project"',
        'kscaffold new my_project --test-step"',
        "was edited",
    ),
    "no TOML": ("[project]", "[project", "is not TOML"),
    "a newer version": (
        f'version = "{__version__}"\ncommand',
        'version = "99"\ncommand',
        "newer",
    ),
}


@pytest.mark.parametrize("how", LOST)
def test_lost_record(how):
    """A section that is lost or edited is noticed, and nothing is changed."""
    old, new, message = LOST[how]
    edit(f"{NAME}/pyproject.toml", old, new)
    before = files()

    assert message in update(NAME, "--test-step", code=2)
    assert before == files()
    if how != "no section":
        assert message in check(".", code=2)


def test_damaged_record():
    """A damaged record is noticed; --base names a folder with the project as it was."""
    shutil.copytree(NAME, "old")
    settings = Path(NAME, "pyproject.toml")
    word = tomllib.loads(settings.read_text())["tool"]["kscaffold"]["base"]["README.md"]
    edit(settings, word, word[:-1] + ("A" if word[-1] != "A" else "B"))
    edit(MODEL, "        grad_fn = ", "        # Mine.\n        grad_fn = ")

    said = update(NAME, "--test-step", code=2)

    assert f"The record of README.md in {settings} is damaged" in said
    update(NAME, "--test-step", "--base", "old")
    wanted = expected(test_step=True)
    assert wanted["README.md"] == Path(NAME, "README.md").read_text()
    assert "# Mine." in Path(MODEL).read_text()
    assert f"{NAME} is up to date\n" == update(NAME)


def test_project_without_records():
    """A project of a kscaffold without records is updated with --base."""
    settings = Path(NAME, "pyproject.toml")
    text = settings.read_text()
    settings.write_text(text[: text.index("\n[tool.kscaffold.base]")])
    model = Path(MODEL).read_text()
    Path(MODEL).write_text(model[: model.index("\n\n\n# kscaffold:base:")] + "\n")
    shutil.copytree(NAME, "old")
    edit(MODEL, "        grad_fn = ", "        # Mine.\n        grad_fn = ")

    assert "--base FOLDER" in update(NAME, "--test-step", code=2)
    update(NAME, "--test-step", "--base", "old")

    wanted = expected(test_step=True)
    old = "        grad_fn = "
    wanted[f"{NAME}/model.py"] = wanted[f"{NAME}/model.py"].replace(
        old, f"        # Mine.\n{old}"
    )
    assert wanted == files()


def test_new_and_dropped_files(monkeypatch):
    """Files that only the new templates have are added; those they lack are removed."""
    from scaffold.update import project_update

    real = project_update.project_texts

    def other(spec, package):
        found = real(spec, package)
        record = found.pop(f"{package}/distribution.py")
        found.pop("README.md")
        return {**found, f"{package}/spread.py": record}

    monkeypatch.setattr(project_update, "project_texts", other)
    edit(f"{NAME}/README.md", "## Training", "## My training")
    Path(NAME, "mine.py").write_text("mine = 1\n")

    said = update(NAME, "--backup", code=1)

    assert f"Added {NAME}/{NAME}/spread.py" in said
    assert f"Removed {NAME}/{NAME}/distribution.py" in said
    assert "README.md: the update removes it, but you edited it: it stays" in said
    assert not Path(NAME, NAME, "distribution.py").exists()
    assert Path(NAME, NAME, "distribution.py.orig").exists()
    assert "## My training" in Path(NAME, "README.md").read_text()
    assert "mine = 1\n" == Path(NAME, "mine.py").read_text()
    assert f"{NAME} is up to date\n" == update(NAME)


def test_json():
    """The result for machines lists the files and what becomes of each."""
    result = CliRunner().invoke(
        main, ["update", NAME, "--test-step", "--dry-run", "--json"]
    )

    data = json.loads(result.stdout)
    statuses = {file["path"]: file["status"] for file in data["files"]}
    assert f"kscaffold new {NAME} --test-step" == data["command"]
    assert "would be updated" == statuses[MODEL]
    assert "same" == statuses[f"{NAME}/.gitignore"]
    assert len(statuses) == len(files())


# `kscaffold check`.


def check(*arguments, code=0):
    """Runs `kscaffold check`, and returns what it said on standard error."""
    result = CliRunner().invoke(main, ["check", *map(str, arguments)])
    assert code == result.exit_code, result.output
    return result.stderr


def make_old(path, **options):
    """Writes a module that an update would change."""
    content = render(Spec(**options), str(path))[0].text
    Path(path).write_text(content)


def test_check():
    """Modules and projects are found in folders; what is not kscaffold's is not."""
    make_old("a.py")
    Path("deep").mkdir()
    make_old("deep/b.py", test_step=True)
    Path("deep/c.py").write_text("x = 1\n")
    Path("deep/pyproject.toml").write_text("[tool.black]\n")

    assert "3 of 3 up to date\n" == check(".")
    assert "3 of 3 up to date\n" == check("a.py", "deep", "deep/b.py", NAME, MODEL)
    assert "0 of 0 up to date\n" == check("deep/c.py")
    assert "does not exist" in check("no.py", code=2)


def test_check_of_what_is_old(monkeypatch):
    """What an update would change is said with the command, and the status is 1."""
    make_old("a.py")
    make_old("b.py")
    edit("b.py", "        grad_fn = ", "        # Mine.\n        grad_fn = ")
    before = {path: Path(path).read_text() for path in ("a.py", "b.py")}
    from scaffold.update import module_update

    real = module_update.module_text
    monkeypatch.setattr(
        module_update,
        "module_text",
        lambda *a: real(*a).replace("Update the metrics", "New"),
    )

    said = check("a.py", "b.py", code=1)

    assert [
        "a.py would change: kscaffold update a.py",
        "b.py would change: kscaffold update b.py",
        "0 of 2 up to date",
    ] == said.splitlines()
    result = CliRunner().invoke(main, ["check", "b.py", "--diff", "--json"])
    [one] = json.loads(result.stdout)["checked"]
    assert ("b.py", "differs", None) == (one["target"], one["status"], one["error"])
    assert "+        # New." in one["files"][0]["diff"]
    assert before == {path: Path(path).read_text() for path in before}


def test_check_of_what_is_broken():
    """Conflicts and lost records are said for each file, and the others are checked."""
    make_old("a.py")
    make_old("b.py")
    Path("a.py").write_text(
        Path("a.py").read_text() + "<<<<<<< yours\n>>>>>>> kscaffold\n"
    )
    lines = Path("b.py").read_text().split("\n")
    Path("b.py").write_text("\n".join(lines[:-2]))
    make_old("c.py")

    said = check("a.py", "b.py", "c.py", code=2)

    assert "a.py has conflicts that are not resolved" in said
    assert "b.py has no lines # kscaffold:base:" in said
    assert said.endswith("1 of 3 up to date\n")
    data = json.loads(CliRunner().invoke(main, ["check", ".", "--json"]).stdout)
    assert {"error", "same"} == {one["status"] for one in data["checked"]}


def test_check_does_not_walk_into_environments():
    """Hidden folders and environments are not searched."""
    for name in (".hidden", "venv", "runs"):
        Path(name).mkdir()
        make_old(f"{name}/a.py")
    Path("venv", "pyvenv.cfg").write_text("")

    assert "1 of 1 up to date\n" == check(".")


def test_golden_projects_are_up_to_date():
    """The committed projects need no update."""
    for path in golden_projects():
        assert "1 of 1 up to date\n" == check(path)


# What people and formatters do to `pyproject.toml`, and other surprises.


def base_table(text: str) -> str:
    """Returns the table of the records."""
    return text[text.index("[tool.kscaffold.base]") :]


SECTIONS = {
    "a comment above the records": lambda text: text.replace(
        "[tool.kscaffold.base]", "# do not edit\n[tool.kscaffold.base]"
    ),
    "a comment among the records": lambda text: text.replace(
        '"README.md" =', '# mine\n"README.md" ='
    ),
    "another table between": lambda text: text.replace(
        "[tool.kscaffold.base]", "[tool.isort]\nx = 1\n\n[tool.kscaffold.base]"
    ),
    "indented": lambda text: text.replace(
        "[tool.kscaffold.base]", "  [ tool.kscaffold.base ]  # x"
    ),
    "the records first": lambda text: text.replace(base_table(text), "").replace(
        "[tool.kscaffold]", f"{base_table(text)}\n[tool.kscaffold]"
    ),
    "a table behind": lambda text: f"{text}\n# Mine.\n[tool.mine]\nx = 1\n",
    "a string over lines": lambda text: text.replace(
        '"kscaffold new my_project"', '"""\\\n  kscaffold new my_project"""'
    ),
    "no line feed at the end": lambda text: text.rstrip("\n"),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", SECTIONS)
def test_section_in_another_form(how):
    """Comments, tables and spaces around the records do no harm, and stay."""
    settings = Path(NAME, "pyproject.toml")
    settings.write_text(SECTIONS[how](settings.read_text()))
    before = tomllib.loads(settings.read_text())
    comments = [x for x in settings.read_text().split("\n") if x.startswith("#")]

    update(NAME, "--test-step")

    after = tomllib.loads(settings.read_text())
    assert f"kscaffold new {NAME} --test-step" == after["tool"]["kscaffold"]["command"]
    for data in (before, after):
        del data["tool"]["kscaffold"]
    assert before == after
    assert set(comments) <= set(settings.read_text().split("\n"))
    assert f"{NAME} is up to date\n" == update(NAME)


BAD_SECTIONS = {
    "a key of one's own": ("[tool.kscaffold]\n", "[tool.kscaffold]\nmine = 1\n"),
    "a number": ('command = "kscaffold new my_project"', "command = 5"),
    "a record that is a number": ('"README.md" = "', '"README.md" = 5 # "'),
}


@pytest.mark.parametrize("how", BAD_SECTIONS)
def test_bad_section(how):
    """What would be lost, or is of another kind, is refused, and nothing is changed."""
    edit(f"{NAME}/pyproject.toml", *BAD_SECTIONS[how])
    before = files()

    assert "section [tool.kscaffold]" in update(NAME, "--test-step", code=2)
    assert before == files()
    assert "section [tool.kscaffold]" in check(NAME, code=2)


def test_diff_of_files_that_are_away():
    """A removed file has no diff, and is no reason to fail."""
    Path(NAME, "README.md").unlink()

    result = CliRunner().invoke(main, ["update", NAME, "--test-step", "--diff"])

    assert 0 == result.exit_code
    assert "README" not in result.stdout
    result = CliRunner().invoke(main, ["check", NAME, "--diff"])
    assert (0, "") == (result.exit_code, result.stdout)


def test_other_models_are_not_moved_files():
    """A model of its own in the project is never taken for a file of the project."""
    Path(NAME, "exp").mkdir()
    make_old(f"{NAME}/exp/net.py", style="subclass")
    before = Path(NAME, "exp/net.py").read_text()
    Path(MODEL).unlink()

    update(NAME, "--test-step", code=1)

    assert before == Path(NAME, "exp/net.py").read_text()


def test_model_of_its_own_in_a_project():
    """A model that was generated beside the project's is updated by itself."""
    Path(NAME, "exp").mkdir()
    make_old(f"{NAME}/exp/model.py")

    update(f"{NAME}/exp/model.py", "--test-step")

    assert "def test_step" in Path(NAME, "exp/model.py").read_text()
    assert "2 of 2 up to date\n" == check(NAME)
    # A project's own file is not, with or without another base.
    for words in ([], ["--base", MODEL]):
        assert f"kscaffold update {NAME}" in update(MODEL, *words, code=2)


def test_check_of_files_of_a_project():
    """Any file of a project stands for the project."""
    assert "1 of 1 up to date\n" == check(TRAIN)
    assert "1 of 1 up to date\n" == check(f"{NAME}/pyproject.toml", TRAIN, MODEL)
    assert "does not exist" in check("no/pyproject.toml", code=2)


def test_damaged_record_of_the_module():
    """A damaged last line of the project's module is noticed."""
    line = Path(MODEL).read_text().split("\n")[-2]
    edit(MODEL, line, line[:25] + ("A" if line[25] != "A" else "B") + line[26:])

    assert "of my_project/my_project/model.py is damaged" in update(NAME, code=2)
    assert "is damaged" in check(".", code=2)


def test_neither_file_nor_folder():
    """A file that is not Python is refused."""
    Path("note.txt").write_text("x")

    assert "neither a Python file nor a folder" in update("note.txt", code=2)
