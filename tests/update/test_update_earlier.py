"""Proves that files of earlier templates are updated, and keep their edits."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from edits import edited, places
from matrix import text
from updating import NAME, check_trains, edit, run_demo, update

from scaffold import Spec, render
from scaffold.header import parse_header
from scaffold.update.blocks import blocks_of

pytestmark = pytest.mark.usefixtures("plain_compiler")

#: Files that earlier versions of kscaffold generated.
FOLDER = Path(__file__).parent.parent / "earlier"
EARLIER = sorted(FOLDER.glob("*.py"))
#: The files with one of Keras's own training steps.
SUPERVISED = [path for path in EARLIER if "gan" not in path.stem]
#: The files that kscaffold 0.2.0 wrote: its helper functions are before the class.
RELEASED = [path for path in EARLIER if path.stem.startswith("release_0_2_0")]
PROJECTS = {
    "my_project": Spec(task="multiclass"),
    "release_0_2_0/my_project": Spec(),
}


def options_of(path: Path) -> Spec:
    """Returns the options in the header of a file."""
    return parse_header(path.read_text(encoding="utf-8")).spec


def named(path: Path) -> str:
    """Returns the file name in the header of a file."""
    return parse_header(path.read_text(encoding="utf-8")).target


def test_earlier_files_are_earlier():
    """Earlier files differ from new ones by more than the version."""
    assert (13, 5) == (len(EARLIER), len(RELEASED))
    for path in EARLIER:
        now = text(options_of(path), named(path)).split("\n")[1:-2]

        assert now != path.read_text(encoding="utf-8").split("\n")[1:-2], path.name


@pytest.mark.parametrize("earlier", EARLIER, ids=lambda path: path.stem)
def test_earlier_file(earlier):
    """The update of an earlier file equals a new file."""
    spec = options_of(earlier)
    path = Path(shutil.copy(earlier, NAME))

    assert f"Would update {NAME}\n" == update(NAME, "--check", code=1)
    update(NAME)

    assert text(spec, named(earlier)) == path.read_text(encoding="utf-8")
    assert "is up to date" in update(NAME)


@pytest.mark.parametrize("earlier", SUPERVISED, ids=lambda path: path.stem)
def test_edited_earlier_file(earlier):
    """An update to new templates and other options at once keeps edits."""
    spec = options_of(earlier)
    path = Path(shutil.copy(earlier, NAME))
    # A loss, a method, an import and the demo's data.
    loss = "    def mine(self, y_pred):\n        return keras.ops.mean(y_pred**2)\n\n"
    edits = [
        (
            "    def compute_loss_and_updates(",
            f"{loss}    def compute_loss_and_updates(",
        ),
        ("import os\n", "import json\nimport os\n"),
        ("    rng = np.random.default_rng(0)", "    rng = np.random.default_rng(7)"),
    ]
    edit(path, *edits)
    change = {"test_step": not spec.test_step, "manual_metrics": True}
    words = ["--test-step" if change["test_step"] else "--no-test-step"]

    update(NAME, *words, "--manual-metrics")

    spec = replace(spec, **change)
    after = path.read_text(encoding="utf-8")
    mine = {loss: "", "import json\n": "", "default_rng(7)": "default_rng(0)"}
    assert all(1 == after.count(edit) for edit in mine)
    without = after
    for new, old in mine.items():
        without = without.replace(new, old)
    assert text(spec, named(earlier)) == without
    check_trains(path, spec)


@pytest.mark.parametrize("earlier", RELEASED, ids=lambda path: path.stem)
def test_edits_in_all_blocks(earlier):
    """Edits in all functions and methods are kept, and move with these."""
    old = earlier.read_text(encoding="utf-8")
    new = text(options_of(earlier), named(earlier))
    shared = [(-9, -9)]
    for here, there in sorted(places(old, new)[0]):
        # Edits of neighbouring lines are one edit.
        if here - shared[-1][0] > 2:
            shared.append((here, there))
    del shared[0]
    blocks = {block_at(new, there) for _, there in shared}
    Path(NAME).write_text(edited(old, {here: "insert" for here, _ in shared}))

    update(NAME)

    wanted = edited(new, {there: "insert" for _, there in shared})
    assert wanted == Path(NAME).read_text(encoding="utf-8")
    assert len(blocks) > 2, blocks


def block_at(source: str, number: int) -> str:
    """Returns the name of the block that a line is in."""
    lines = [key for key, block in blocks_of(source).items() for _ in block]
    return lines[number]


def test_own_definitions():
    """A function between helpers that move, a base class and a method are kept."""
    [earlier] = [path for path in RELEASED if path.stem.endswith("functional_plain")]
    function = "def mine(x):\n    return refine(x)\n\n\n"
    base = "class Base(keras.Model):\n    pass\n\n\n"
    method = "    def own(self):\n        return mine(1)\n\n"
    path = Path(shutil.copy(earlier, NAME))
    edit(
        path,
        ("def refuse_weight(", f"{function}def refuse_weight("),
        ("@keras.saving.register", f"{base}@keras.saving.register"),
        ("class CustomModel(keras.Model)", "class CustomModel(Base)"),
        ("    def train_step(", f"{method}    def train_step("),
    )

    update(NAME)

    after = path.read_text(encoding="utf-8")
    names = ["mine", "Base", "CustomModel", "CustomModel.own", "training_argument"]
    blocks = [key for key in blocks_of(after) if key in names]
    assert names == blocks
    without = after.replace("(Base)", "(keras.Model)")
    for own in (function, base, method):
        without = without.replace(own, "")
    assert text(Spec(), named(earlier)) == without
    check_trains(path, Spec())


def test_own_loss_of_a_release():
    """The loss that a user wrote into a file of 0.2.0 is computed after the update."""
    [earlier] = [path for path in RELEASED if path.stem.endswith("subclass_fullest")]
    path = Path(shutil.copy(earlier, NAME))
    edit(
        path, ("self.loss_fn = keras.losses.MeanSquaredError(", "self.loss_fn = Mine(")
    )
    edit(
        path,
        (
            "@keras.saving.register",
            "class Mine(keras.losses.MeanSquaredError):\n"
            "    def call(self, y_true, y_pred):\n"
            "        return 1000 + super().call(y_true, y_pred)\n\n\n"
            "@keras.saving.register",
        ),
    )

    update(NAME)

    assert path.read_text().index("class Mine") < path.read_text().index("class Custom")
    assert run_demo(path)["loss"] > 1000


@pytest.mark.parametrize("name", PROJECTS)
def test_earlier_project(name):
    """The update of an earlier project equals a new project, and keeps edits."""
    shutil.copytree(FOLDER / name, "my_project")
    settings = Path("my_project/pyproject.toml")
    comment = (
        '[project]\nname = "my_project"',
        '[project]\nname = "my_project"  # mine',
    )
    edit(settings, comment)
    mine = ("        grad_fn = ", "        # Mine.\n        grad_fn = ")
    edit(Path("my_project/my_project/model.py"), mine)

    update("my_project", "--sample-weight")

    for file in render(replace(PROJECTS[name], sample_weight=True), "my_project"):
        after = file.path.read_text(encoding="utf-8")
        for old, new in (mine, comment):
            after = after.replace(new, old)
        assert file.text == after, file.path
    assert comment[1] in settings.read_text()
    assert "is up to date" in update("my_project")
