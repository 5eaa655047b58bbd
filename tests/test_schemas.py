"""Every JSON output names its schema and fits it. The schemas are in the documents."""

import ast
import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from generated_docs import ROOT, SCHEMAS
from json_outputs import parsed, strict

from scaffold.cli import main

NAMES = sorted(path.stem for path in SCHEMAS.iterdir())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def output(schema: str, *arguments: str) -> dict:
    """Runs a command with `--json`, and returns its output, which must fit."""
    return parsed(CliRunner().invoke(main, [*arguments, "--json"]).stdout, schema)


@pytest.mark.parametrize("name", NAMES)
def test_schema(name):
    """A schema is valid, describes each key, and is named after its file."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator.check_schema(schema)
    assert f"schemas/{name}.json" == schema["$id"]
    assert {"const": schema["$id"]} == schema["properties"]["$schema"]
    assert re.fullmatch(r"[a-z-]+-[1-9]", name)


def test_documents_have_the_schemas():
    """The site serves the same schemas at the paths that outputs name."""
    served = {
        path.name: path.read_bytes() for path in (ROOT / "docs" / "schemas").iterdir()
    }
    assert served == {path.name: path.read_bytes() for path in SCHEMAS.iterdir()}


def test_every_output_has_a_schema():
    """Each call that prints JSON names a schema, and each schema is used."""
    used = set()
    for path in (ROOT / "scaffold").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and "print_json" == getattr(
                node.func, "id", ""
            ):
                used.add(ast.literal_eval(node.args[0]))

    assert set(NAMES) == used


def test_list():
    """The list of recipes and options fits."""
    data = output("list-1", "list")

    assert "$schema" == next(iter(data))


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.py"],
        ["-", "--recipe", "wgan-gp"],
        ["a.py", "--dry-run", "--metric", "mse"],
        ["a.py", "--diff", "--line-length", "60"],
        ["project", "--check"],
    ],
    ids=" ".join,
)
def test_new(arguments):
    """The results of `new` fit."""
    assert output("new-1", "new", *arguments)["files"]


def test_update():
    """Updates, conflicts, problems, diffs and backups fit."""
    output("new-1", "new", "a.py", "--manual-loss")
    edited = (
        Path("a.py")
        .read_text("utf-8")
        .replace("loss = self.loss_fn(y, y_pred)", "loss = 2 * self.loss_fn(y, y_pred)")
    )
    Path("a.py").write_text(edited, encoding="utf-8")
    planned = output("update-1", "update", "a.py", "--sample-weight", "--diff")
    done = output("update-1", "update", "a.py", "--sample-weight", "--backup")

    assert "would be updated" == planned["files"][0]["status"]
    assert planned["files"][0]["diff"] and planned["files"][0]["conflicts"]
    assert "a.py.orig" == done["files"][0]["backup"]
    assert (
        "conflicts-unresolved" == output("error-1", "update", "a.py")["error"]["code"]
    )


def test_check():
    """Files that differ, and errors, fit."""
    earlier = Path(__file__).parent / "earlier"
    for name in ("release_0_2_0_gan.py", "first_records_subclass_plain.py"):
        Path(name).write_bytes((earlier / name).read_bytes())
    output("new-1", "new", "same.py")
    checked = output("check-1", "check", "--diff", ".", "nope.py")["checked"]

    assert {"same", "differs", "error"} == {one["status"] for one in checked}


def test_verify_list():
    """The list of checks fits. `test_verify_command.py` checks results of `verify`."""
    assert output("verify-list-1", "verify", "--list", "--quick")["cases"]


def test_error():
    """An error fits the same schema for each command."""
    for arguments in (["new", "class.py"], ["verify", "no.py"], ["list", "no"], ["no"]):
        output("error-1", *arguments)
    assert [] == os.listdir()


WRONG = {
    "a key is lost": lambda data: data.pop("command"),
    "a key is new": lambda data: data.update(another=""),
    "a type is another": lambda data: data.update(version=1),
    "a key of a file is lost": lambda data: data["files"][0].pop("status"),
    "a key of a file is new": lambda data: data["files"][0].update(another=""),
    "a status is new": lambda data: data["files"][0].update(status="another"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_outputs_do_not_fit(change):
    """The check finds what would surprise a program."""
    data = output("new-1", "new", "-", "--no-demo")
    change(data)

    assert not strict("new-1").is_valid(data)
