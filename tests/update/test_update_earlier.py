"""Proves that files of earlier templates are updated, and keep their edits."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from matrix import text
from updating import NAME, check_trains, edit, update

from scaffold import Spec, render
from scaffold.header import parse_header

pytestmark = pytest.mark.usefixtures("plain_compiler")

#: Files that kscaffold generated when its templates were others.
FOLDER = Path(__file__).parent.parent / "earlier"
EARLIER = sorted(FOLDER.glob("*.py"))


def options_of(path: Path) -> Spec:
    """Returns the options in the first line of a file."""
    return parse_header(path.read_text(encoding="utf-8")).spec


def named(path: Path) -> str:
    """Returns the name that the first line of a file has for it."""
    return parse_header(path.read_text(encoding="utf-8")).target


def test_earlier_files_are_earlier():
    """They differ from what is generated now by more than the version."""
    assert len(EARLIER) == 8
    for path in EARLIER:
        now = text(options_of(path), named(path)).split("\n")[1:-2]

        assert now != path.read_text(encoding="utf-8").split("\n")[1:-2], path.name


@pytest.mark.parametrize("earlier", EARLIER, ids=lambda path: path.stem)
def test_earlier_file(earlier):
    """An update of a file of earlier templates gives what is generated now."""
    spec = options_of(earlier)
    path = Path(shutil.copy(earlier, NAME))

    assert f"Would update {NAME}\n" == update(NAME, "--check", code=1)
    update(NAME)

    assert text(spec, named(earlier)) == path.read_text(encoding="utf-8")
    assert "is up to date" in update(NAME)


@pytest.mark.parametrize("earlier", EARLIER, ids=lambda path: path.stem)
def test_edited_earlier_file(earlier):
    """Newer templates and other options come together, and the edits stay."""
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


def test_earlier_project():
    """A project of earlier templates is updated as one of now, and edits stay."""
    shutil.copytree(FOLDER / "my_project", "my_project")
    mine = "        # Mine.\n        grad_fn = "
    edit(Path("my_project/my_project/model.py"), ("        grad_fn = ", mine))

    update("my_project", "--sample-weight")

    for file in render(Spec(task="multiclass", sample_weight=True), "my_project"):
        after = file.path.read_text(encoding="utf-8")
        assert file.text == after.replace(mine, "        grad_fn = "), file.path
