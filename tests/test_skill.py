"""`kscaffold skill`: a program that follows the guide gets a correct training step."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from generated_docs import ROOT
from json_outputs import parsed
from matrix import text

from scaffold import Spec
from scaffold.cli import main
from scaffold.common_options import OPTIONS
from scaffold.recipe_options import own_options
from scaffold.recipes import load_recipe, recipe_names
from scaffold.verify import causes

#: The schema of each command's output.
SCHEMAS = {"check": "check-1", "info": "info-1", "list": "list-1", "new": "new-1"}
SCHEMAS |= {"update": "update-1", "verify": "verify-1"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def guide() -> str:
    """Returns what `kscaffold skill` prints."""
    result = CliRunner().invoke(main, ["skill"])
    assert (0, "") == (result.exit_code, result.stderr)
    return result.stdout


def commands() -> list[list[str]]:
    """Returns the commands in the code blocks of the guide, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```", guide(), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


def run(words: list[str], status: int = 0) -> dict:
    """Runs a command of the guide, and returns its JSON, if it prints any."""
    program, verb, *arguments = words
    assert "kscaffold" == program
    result = CliRunner().invoke(main, [verb, *arguments])

    assert status == result.exit_code, (words, result.stdout, result.stderr)
    return parsed(result.stdout, SCHEMAS[verb]) if "--json" in words else {}


def test_length():
    """The guide has at most 150 lines, and nothing is left to fill in."""
    lines = guide().splitlines()

    assert 80 < len(lines) <= 150
    assert "{{" not in guide()


def test_header():
    """The guide starts with its name and description, as a skill file does."""
    _, head, rest = guide().split("---\n", 2)

    assert re.fullmatch(r"name: kscaffold\ndescription: [^\n:]+\n", head)
    assert rest.startswith("\n# kscaffold")


def test_every_recipe_and_option():
    """The guide names every recipe, with its options, and every common option."""
    shown = guide()

    for name in recipe_names():
        about = load_recipe(name)
        command = f"`{Spec(recipe=name).command(Spec(recipe=name).default_target)}`"
        assert f"| {about['title']}. {about['summary']} | {command} |" in shown
        for option in own_options(name):
            [line] = re.findall(rf"^- `--recipe {name}`: .*$", shown, re.MULTILINE)
            assert f"`{option.flag}" in line and option.help in line
    for option in OPTIONS:
        assert f"| `{option.flag}" in shown


@pytest.mark.parametrize("recipe", recipe_names())
def test_edit_first(recipe):
    """The functions and methods to edit are in the file that the recipe writes."""
    options = {"manual_loss": True, "manual_metrics": True, "test_step": True}
    spec = Spec(recipe=recipe, **(options if recipe == "supervised" else {}))
    written = text(spec)

    for name in load_recipe(recipe)["edit"]:
        assert f"def {name}(" in written


def test_commands_of_recipes():
    """The command of each recipe writes its file."""
    rows = re.findall(r"^\|[^|]+\| `(kscaffold new [^`]+)` \|", guide(), re.MULTILINE)

    assert len(recipe_names()) == len(rows)
    for row in rows:
        words = shlex.split(row)
        run(words)
        assert Path(words[2]).is_file()


def test_commands_of_the_guide():
    """Each command in a code block runs, in order. `test_walk()` runs `verify`."""
    shown = commands()

    assert {"info", "new", "verify", "update", "check", "list"} == {w[1] for w in shown}
    for words in shown:
        if words[1] != "verify":
            run(words)
    assert ["custom_model.py"] == os.listdir()
    assert text(Spec(manual_loss=True, test_step=True)) == (
        Path("custom_model.py").read_text("utf-8")
    )


def test_names_in_the_guide():
    """Flags, codes, outcomes and keys that the guide mentions exist."""
    shown = guide()
    flags = {f for c in main.commands.values() for p in c.params for f in p.opts}
    flags |= {f for n in recipe_names() for o in own_options(n) for f in (o.flag,)}
    flags |= {f for o in OPTIONS for f in (o.flag, o.off_flag)}

    assert set(re.findall(r"(?<=[ `])--[a-z][\w-]+", shown)) <= flags | {"--help"}
    assert "unexplained" in causes.codes() and "`unexplained`" in shown
    schema = json.loads((ROOT / "scaffold/schemas/verify-1.json").read_text("utf-8"))
    verdict = schema["properties"]["cases"]["items"]["properties"]
    for outcome in verdict["outcome"]["enum"]:
        assert f"`{outcome}`" in shown
    for key in ("outcome", "code", "detail", "fix"):
        assert key in verdict and f"`{key}`" in shown


#: A loss of one's own in place of the generated one, and the mistake in it.
GENERATED = "loss = self.loss_fn(y, y_pred)\n"
OWN = "loss = 2 * keras.ops.square(y - y_pred)\n"
RETURNED = "keras.ops.sum([keras.ops.mean(loss), *map(keras.ops.sum, self.losses)])"


@pytest.mark.exhaustive
def test_walk():
    """Generate, edit the loss, break it, verify, read the code, fix, verify."""
    new = next(words for words in commands() if words[1] == "new")
    every, one = (words for words in commands() if words[1] == "verify")
    file = Path(run(new)["files"][0]["path"])
    generated = file.read_text("utf-8")
    assert "`compute_loss()`" in guide() and "def compute_loss(" in generated
    edited = generated.replace(GENERATED, OWN)
    broken = edited.replace(RETURNED, "keras.ops.mean(loss)")
    assert len({generated, edited, broken}) == 3

    file.write_text(broken, encoding="utf-8")
    failures = [case for case in run(every, 1)["cases"] if case["code"]]
    assert {"losses-left-out"} == {case["code"] for case in failures}
    assert "An own compute_loss() adds self.losses" in failures[0]["fix"]
    assert f"{failures[0]['group']}: {failures[0]['name']}" in one

    file.write_text(edited, encoding="utf-8")
    outcomes = {case["outcome"] for case in run(one)["cases"]}
    assert outcomes <= {"exact", "close", "holds"}
    run(next(words for words in commands() if words[1] == "update"))
    updated = file.read_text("utf-8")
    assert OWN in updated and "def test_step(" in updated
