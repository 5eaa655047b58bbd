"""Proves that an update of a notebook keeps its cells, outputs and metadata."""

import json
import random
from pathlib import Path

import nbformat
import pytest
from matrix import text
from updating import invoke, make, update

from scaffold import Spec
from scaffold.cells import CODE
from scaffold.update.merge_base import MARK
from scaffold.update.notebook_file import NotebookFile

NAME = "model.ipynb"
OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["My output.\n"]}
LOSS = '''\
    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        """My loss."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss + 0.01 * keras.ops.mean(keras.ops.abs(y_pred))

    def train_step('''


def read() -> dict:
    """Reads the notebook, which must be valid."""
    nbformat.validate(nbformat.read(NAME, as_version=4))
    return json.loads(Path(NAME).read_text(encoding="utf-8"))


def write(notebook: dict) -> None:
    """Writes the notebook as Jupyter does."""
    content = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
    Path(NAME).write_text(content + "\n", encoding="utf-8")


def source(notebook: dict, name: str) -> str:
    """Returns the text of a cell."""
    [cell] = [cell for cell in notebook["cells"] if cell.get("id") == name]
    return "".join(cell["source"])


def ids(notebook: dict) -> list[str]:
    """Lists the ids of the cells."""
    return [cell.get("id") for cell in notebook["cells"]]


def new_cell(name: str, code: str, kind: str = CODE) -> dict:
    """Returns a cell of the user."""
    cell = {"cell_type": kind, "id": name, "metadata": {"tags": ["mine"]}}
    cell["source"] = code.splitlines(keepends=True)
    return cell | ({"outputs": [OUTPUT], "execution_count": 3} if kind == CODE else {})


def replaced(cell: dict, old: str, new: str) -> None:
    """Replaces a part of a cell."""
    content = "".join(cell["source"])
    assert 1 == content.count(old)
    cell["source"] = content.replace(old, new).splitlines(keepends=True)


def split(notebook: dict, name: str, line: str) -> None:
    """Splits a cell above a line, as Jupyter does."""
    at = ids(notebook).index(name)
    lines = notebook["cells"][at]["source"]
    [number] = [n for n, one in enumerate(lines) if one.startswith(line)]
    rest = new_cell(f"rest-of-{name}", "".join(lines[number:]))
    notebook["cells"][at]["source"] = lines[:number]
    notebook["cells"].insert(at + 1, rest)


@pytest.mark.parametrize("recipe", ["supervised", "vae"])
def test_round_trip(recipe):
    """Without edits, an update gives the bytes of `new`, there and back."""
    options = {
        "supervised": {"test_step": True, "fuse_steps": True, "sample_weight": True},
        "vae": {"likelihood": "gaussian", "class_name": "MyVAE"},
    }[recipe]
    before, after = Spec(recipe=recipe), Spec(recipe=recipe, **options)
    path = make(before, NAME)

    assert f"{NAME} is up to date\n" == update(NAME)
    update(NAME, *after.arguments()[2 * (recipe != "supervised") :])
    assert text(after, NAME) == path.read_text()
    update(NAME, *(f"--unset={name.replace('_', '-')}" for name in options))
    assert text(before, NAME) == path.read_text()
    assert "1 of 1 up to date\n" == invoke("check", ".").stderr


def test_edited_notebook():
    """A loss, two cells, outputs and metadata stay when options change."""
    make(Spec(), NAME)
    notebook = read()
    cells = {cell["id"]: cell for cell in notebook["cells"]}
    replaced(cells["class"], "    def train_step(", LOSS)
    replaced(cells["data"], "size=(1200, 32)", "size=(1200, 8)")
    for name in ("training", "evaluation"):
        cells[name] |= {"outputs": [OUTPUT], "execution_count": 7}
    cells["plumbing"]["metadata"] = {"jupyter": {"source_hidden": True}}
    notebook["metadata"]["authors"] = [{"name": "Me"}]
    notes = new_cell("notes", "My *notes*  \nof this run", "markdown")
    magics = new_cell(
        "magics", "%time model.summary()\nfiles = !ls\nif files:\n    !ls"
    )
    notebook["cells"].insert(ids(notebook).index("about-class"), notes)
    notebook["cells"].insert(ids(notebook).index("about-evaluation"), magics)
    write(notebook)
    kept = Path(NAME).read_bytes()
    update(NAME)
    assert kept == Path(NAME).read_bytes()

    assert f"Updated {NAME}\n" == update(NAME, "--test-step", "--sample-weight")

    updated = read()
    assert ids(notebook) == ids(updated)
    new = {cell["id"]: cell for cell in updated["cells"]}
    assert (notes, magics) == (new["notes"], new["magics"])
    assert LOSS in source(updated, "class")
    assert "def test_step(" in source(updated, "class")
    assert "size=(1200, 8)" in source(updated, "data")
    assert "weights = rng.uniform(" in source(updated, "data")
    assert "sample_weight=weights[:1000]" in source(updated, "training")
    for name in ("training", "evaluation"):
        assert ([OUTPUT], 7) == (new[name]["outputs"], new[name]["execution_count"])
    assert cells["plumbing"] == new["plumbing"]
    assert [{"name": "Me"}] == updated["metadata"]["authors"]
    command = f"kscaffold new {NAME} --sample-weight --test-step"
    assert command == updated["metadata"]["kscaffold"]["command"]
    assert f"{NAME} is up to date\n" == update(NAME)
    assert "1 of 1 up to date\n" == invoke("check", NAME).stderr


def test_split_cells():
    """Cells that the user split stay split, between functions and statements."""
    make(Spec(recipe="vae"), NAME)
    notebook = read()
    split(notebook, "plumbing", "def unpack_images(")
    split(notebook, "training", "history = ")
    write(notebook)

    update(NAME, "--likelihood", "gaussian", "--class-name", "Own")

    updated = read()
    assert ids(notebook) == ids(updated)
    assert "def unpack_images(" in source(updated, "rest-of-plumbing")
    assert "check_pixels" not in source(updated, "rest-of-plumbing")
    assert source(updated, "plumbing").startswith("class StepState(")
    assert source(updated, "rest-of-training").startswith("history = model.fit(")
    assert "class Own(" in source(updated, "class")


def test_moved_and_deleted_cells():
    """Cells stay where the user moved them, and deleted ones do not return."""
    make(Spec(), NAME)
    notebook = read()
    moved = {"about-curves", "curves"}
    deleted = {"title", "about-install", "install", "about-evaluation", "evaluation"}
    cells = [c for c in notebook["cells"] if c["id"] not in moved | deleted]
    cells += [new_cell("mine", "1 + 1")]
    cells += [c for c in notebook["cells"] if c["id"] in moved]
    write(notebook | {"cells": cells})

    update(NAME, "--sample-weight", "--manual-metrics")

    updated = read()
    assert [cell["id"] for cell in cells] == ids(updated)
    assert "weights[:1000]" in source(updated, "training")


def test_cells_without_ids():
    """Cells that lost their ids, as in Colab, are known by their text."""
    make(Spec(), NAME)
    notebook = read() | {"nbformat_minor": 0}
    for number, cell in enumerate(notebook["cells"]):
        del cell["id"]
        cell["metadata"] = {"id": f"iD{number}_"}
    write(notebook)
    names = [cell["metadata"]["id"] for cell in notebook["cells"]]

    update(NAME, "--sample-weight", "--test-step")

    updated = read()
    assert names == [cell["metadata"]["id"] for cell in updated["cells"]]
    assert {None} == {*ids(updated)}
    assert f"{NAME} is up to date\n" == update(NAME)


def test_conflict():
    """A conflict names the cell and the line in it. Nothing else is marked."""
    make(Spec(), NAME)
    notebook = read()
    cells = {cell["id"]: cell for cell in notebook["cells"]}
    replaced(cells["class"], "For a loss of your own,", "For a loss of their own,")
    write(notebook)

    result = invoke("update", NAME, "--manual-loss", "--json")

    assert 1 == result.exit_code
    [conflict] = json.loads(result.stdout)["files"][0]["conflicts"]
    name = "CustomModel.compute_loss_and_updates"
    assert f"the cell class, {name}" == conflict["where"]
    lines = source(read(), "class").split("\n")
    assert lines[conflict["first"] - 1] == "<<<<<<< yours"
    assert lines[conflict["last"] - 1].startswith(">>>>>>> kscaffold")
    assert "unresolved conflicts" in update(NAME, code=2)


def test_lost_name():
    """A cell that uses a function that the update removes is named."""
    make(Spec(recipe="vae"), NAME)
    notebook = read()
    notebook["cells"].append(new_cell("mine", "\nx = 1\ncheck_pixels(train)"))
    write(notebook)

    message = update(NAME, "--likelihood", "gaussian", code=1)

    assert (
        "cell 24, line 2: your code uses check_pixels, which the update removed"
        in message
    )


def test_layout_of_the_json():
    """The layout of the JSON stays, and so do line ends within outputs."""
    make(Spec(), NAME)
    for indent in (2, None):
        notebook = read()
        notebook["cells"][-1]["outputs"] = [OUTPUT | {"text": "a\rb\r\n\u2028"}]
        Path(NAME).write_text(json.dumps(notebook, indent=indent), encoding="utf-8")
        flag = "--test-step" if indent else "--no-test-step"

        update(NAME, flag)

        content = Path(NAME).read_text(encoding="utf-8")
        expected = json.dumps(json.loads(content), indent=indent, ensure_ascii=False)
        assert expected == content
        assert "a\rb\r\n\u2028" == read()["cells"][-1]["outputs"][0]["text"]


BROKEN = {
    "x = 1": "it is not JSON",
    "[1]": "is not a notebook: TypeError",
    "{}": "is not a notebook: KeyError",
    '{"nbformat": 3, "worksheets": []}': "its format is 3, not 4",
    '{"nbformat": 4, "cells": [1]}': "is not a notebook: TypeError",
    '{"nbformat": 4, "cells": [{"source": "", "cell_type": "x"}]}': "the type 'x'",
    '{"nbformat": 4, "cells": []}': "was not generated by kscaffold",
    '{"nbformat": 4, "cells": [], "metadata": {"kscaffold": 1}}': "is damaged",
    "[" * 100_000: "is not a notebook: RecursionError",
    "\ufeff{}": "is not a notebook: KeyError",
    '{"nbformat": 4, "cells": [], "metadata": [["kscaffold", 1]]}': "not an object",
    '{"nbformat": 4, "nbformat_minor": "x", "cells": []}': "no number",
    "\x00": "is not JSON",
}


@pytest.mark.parametrize("content", BROKEN, ids=BROKEN.values())
def test_other_files(content):
    """A file that kscaffold did not generate is an error, and stays as it is."""
    Path(NAME).write_text(content, encoding="utf-8")

    assert BROKEN[content] in update(NAME, "--test-step", code=2)
    assert content == Path(NAME).read_text(encoding="utf-8")
    if '"kscaffold"' not in content:
        assert "0 of 0 up to date\n" == invoke("check", ".").stderr


def test_damaged_metadata():
    """A record that was edited is an error. `--base` replaces it."""
    make(Spec(), NAME)
    old = Path("old.ipynb")
    old.write_bytes(Path(NAME).read_bytes())
    notebook = read()
    notebook["metadata"]["kscaffold"]["base"] = "AAAA"
    write(notebook)

    assert "--base OLD.ipynb" in update(NAME, "--test-step", code=2)
    update(NAME, "--test-step", "--base", old)
    assert text(Spec(test_step=True), NAME) == Path(NAME).read_text()
    notebook = read()
    del notebook["metadata"]["kscaffold"]
    write(notebook)
    assert "was not generated by kscaffold" in update(NAME, code=2)
    old.write_text(text(Spec(test_step=True), NAME))
    update(NAME, "--sample-weight", "--base", old)
    expected = text(Spec(test_step=True, sample_weight=True), NAME)
    assert json.loads(expected) == read()
    make(Spec(), "model.py")
    for name, base in ((NAME, "model.py"), ("model.py", NAME)):
        assert "another kind" in update(name, "--base", base, code=2)


def test_backup_and_diff():
    """The flags of `update` work on notebooks."""
    path = make(Spec(), NAME)
    before = path.read_bytes()

    assert f"Would update {NAME}\n" == update(NAME, "--test-step", "--dry-run")
    assert (
        '+    "    def test_step(self'
        in invoke("update", NAME, "--test-step", "--diff").stdout
    )
    assert before == path.read_bytes()
    assert f"Kept {NAME}.orig" in update(NAME, "--test-step", "--backup")
    assert before == Path(f"{NAME}.orig").read_bytes()


def edited(notebook: dict, rng: random.Random) -> dict:
    """Edits cells at random, in ways that no update conflicts with."""
    cells = notebook["cells"]
    for number in range(8):
        at = rng.randrange(1, len(cells))
        cell = cells[at]
        kind = rng.choice(["add", "text", "output", "comment", "swap", "bash"])
        if kind == "add":
            cells.insert(at, new_cell(f"new-{number}", f"mine_{number} = {number}"))
        elif kind == "text":
            cells.insert(at, new_cell(f"new-{number}", "Own *text*", "markdown"))
        elif kind == "bash":
            cells.insert(at, new_cell(f"new-{number}", "%%bash\nls  # %% code: x\n"))
        elif kind == "output" and cell["cell_type"] == CODE:
            cell["outputs"] = [OUTPUT]
        elif kind == "comment" and cell["cell_type"] == CODE:
            cell["source"] = [f"# Own comment {number}.\n", *cell["source"]]
        elif kind == "swap" and cell["id"].startswith("new-") and at > 1:
            cells[at - 1], cells[at] = cells[at], cells[at - 1]
    return notebook


@pytest.mark.parametrize("seed", range(6))
def test_random_edits(seed):
    """Random edits of cells survive a change of options, there and back."""
    rng = random.Random(seed)
    make(Spec(), NAME)
    write(edited(read(), rng))
    before = read()

    update(NAME, "--sample-weight", "--test-step", "--manual-metrics")
    between = read()
    update(NAME, "--unset=sample-weight", "--unset=test-step", "--unset=manual-metrics")

    assert before == read()
    assert ids(before) == ids(between)
    for cell, other in zip(before["cells"], between["cells"], strict=True):
        if cell["id"].startswith("new-"):
            assert cell == other
        own = [line for line in cell["source"] if "Own" in line]
        assert own == [line for line in other["source"] if "Own" in line]
        assert cell.get("outputs") == other.get("outputs")


def test_lines_with_a_meaning_in_the_text():
    """Lines that look like markers or records stay text."""
    make(Spec(), NAME)
    notebook = read()
    lines = f"x = '''\n# %% code: class\n{MARK}AAAA\n# kscaffold:line: y\n'''"
    notebook["cells"].append(new_cell("mine", lines))
    write(notebook)

    update(NAME, "--test-step")

    assert lines == source(read(), "mine")
    assert NotebookFile.existing(Path(NAME)).text.endswith("\n")


@pytest.mark.parametrize(
    "code",
    [
        "(" * 5000 + ")" * 5000,
        "!ls\n" * 5000,
        "x = \udc00",
        "a\0b",
        "def f(:\n    %time",
        "\f\x0b\u2028x = 1\r",
    ],
    ids=["nested", "magics", "surrogate", "null", "syntax", "separators"],
)
def test_strange_cells(code):
    """Any text in a cell stays as it is, or is refused."""
    make(Spec(), NAME)
    notebook = read()
    notebook["cells"].append(new_cell("mine", code))
    before = json.dumps(notebook)
    Path(NAME).write_text(before, encoding="utf-8")

    result = invoke("update", NAME, "--test-step")

    if result.exit_code == 2:
        assert "Hint: " in result.stderr
        assert before == Path(NAME).read_text(encoding="utf-8")
    else:
        assert 0 == result.exit_code
        assert new_cell("mine", code) == json.loads(Path(NAME).read_text())["cells"][-1]
