"""Proves that a project's records are found, and `pyproject.toml` keeps its form."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from projects import MODEL, NAME, check, edit, expected, files, update

from scaffold import __version__
from scaffold.pyproject_table import read_table, table, with_values

pytestmark = pytest.mark.usefixtures("project")


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
    """A lost or edited section is reported, and no file changes."""
    old, new, message = LOST[how]
    edit(f"{NAME}/pyproject.toml", old, new)
    before = files()

    assert message in update(NAME, "--test-step", code=2)
    assert before == files()
    if how != "no section":
        assert message in check(".", code=2)


def test_damaged_record():
    """A damaged record is reported, and --base replaces it."""
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
    """A project without records is updated with --base."""
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
    "a comment behind the version": lambda text: text.replace(
        f'version = "{__version__}"\ncommand',
        f'version = "{__version__}"  # mine\ncommand',
    ),
    "comments behind the records": lambda text: re.sub(
        '^("[^"]+" = .*)$', r"\1 # mine", text, flags=re.MULTILINE
    ),
    "single quotes": lambda text: re.sub(
        '^("[^"]+"|command) = "(.*)"$', r"\1 = '\2'", text, flags=re.MULTILINE
    ),
    "spaces": lambda text: re.sub(
        '^("[^"]+") = "', r'  \1   =   "', text, flags=re.MULTILINE
    ),
    "a table of another tool between": lambda text: text.replace(
        "[tool.kscaffold.base]", "[mine]\nx = 1\n\n[tool.kscaffold.base]"
    ),
    "dotted keys": lambda text: text.replace(
        base_table(text),
        re.sub('^"', 'base."', base_table(text).split("\n", 1)[1], flags=re.MULTILINE),
    ).replace("\n\nbase.", "\nbase."),
}
#: CI tests all forms. Each takes a second.
EVERY_DAY = ("another table between", "comments behind the records", "dotted keys")


def without_values(text: str) -> str:
    """Removes the values that an update changes from a `pyproject.toml`."""
    strings = r"""(\"""[^"]*\"""|'[^'\n]*'|"[^"\n]*")"""
    keys = r'((?:version|command|(?:base\.)?"[^"]+") += +)'
    return re.sub(f"{keys}{strings}", r"\1", text)


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, marks=[] if how in EVERY_DAY else pytest.mark.exhaustive)
        for how in SECTIONS
    ],
)
def test_section_in_another_form(how, ends):
    """Only values change. Comments, tables, spaces and line ends are kept."""
    settings = Path(NAME, "pyproject.toml")
    text = SECTIONS[how](settings.read_text())
    assert text != settings.read_text()
    settings.write_bytes(text.replace("\n", ends).encode())
    before = tomllib.loads(text)

    update(NAME, "--test-step")

    content = settings.read_bytes().decode()
    after = tomllib.loads(content)
    table = after["tool"].pop("kscaffold")
    old = before["tool"].pop("kscaffold")
    assert before == after
    assert f"kscaffold new {NAME} --test-step" == table["command"]
    assert old["base"].keys() == table["base"].keys()
    assert old["base"] != table["base"]
    assert without_values(text).replace("\n", ends) == without_values(content)
    assert f"{NAME} is up to date\n" == update(NAME)


def test_values_of_other_files():
    """Records are added and removed, and other lines stay."""
    settings = Path(NAME, "pyproject.toml")
    text = settings.read_text().replace('"README.md" =', '# mine\n"README.md" =')
    words = tomllib.loads(text)["tool"]["kscaffold"]["base"]
    others = {path: word for path, word in words.items() if path != "README.md"}
    command = f"kscaffold new {NAME}"

    without = with_values(text, table(command, others))

    assert others == read_table(without)["base"]
    lines = [line for line in text.split("\n") if not line.startswith('"README.md"')]
    assert lines == without.split("\n")
    assert words == read_table(with_values(without, table(command, words)))["base"]


BAD_SECTIONS = {
    "a key of one's own": ("[tool.kscaffold]\n", "[tool.kscaffold]\nmine = 1\n"),
    "a number": ('command = "kscaffold new my_project"', "command = 5"),
    "a record that is a number": ('"README.md" = "', '"README.md" = 5 # "'),
}


@pytest.mark.parametrize("how", BAD_SECTIONS)
def test_bad_section(how):
    """Unknown keys and values of another type are refused, and no file changes."""
    edit(f"{NAME}/pyproject.toml", *BAD_SECTIONS[how])
    before = files()

    assert "section [tool.kscaffold]" in update(NAME, "--test-step", code=2)
    assert before == files()
    assert "section [tool.kscaffold]" in check(NAME, code=2)


def test_damaged_record_of_the_module():
    """A damaged record in the project's module is reported."""
    line = Path(MODEL).read_text().split("\n")[-2]
    edit(MODEL, line, line[:25] + ("A" if line[25] != "A" else "B") + line[26:])

    assert "of my_project/my_project/model.py is damaged" in update(NAME, code=2)
    assert "is damaged" in check(".", code=2)
