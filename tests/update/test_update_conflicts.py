"""Proves that conflicts are marked and reported, whatever merges the lines."""

import os
import sys

import pytest
from matrix import text
from updating import IN_THE_WAY, MINE, NAME, conflicting, edit, invoke, make, update

from scaffold import Spec, __version__
from scaffold.update import block_merge, line_merge


def test_conflict(folder):
    """A conflict is marked with the names of the sides, and reported with status 1."""
    path = conflicting()
    before = path.read_text()

    said = update(NAME, "--manual-loss", code=1)

    lines = path.read_text().split("\n")
    first = lines.index("<<<<<<< yours") + 1
    last = lines.index(f">>>>>>> kscaffold {__version__} --manual-loss") + 1
    place = f"lines {first} to {last}, in CustomModel.compute_loss_and_updates"
    assert [
        f"Updated {NAME}",
        f"Conflict in {NAME}, {place}",
        "Resolve each conflict: keep the lines you want, and remove the markers.",
    ] == said.splitlines()
    assert "=======" in lines[first:last]
    mine = [line for line in before.split("\n") if IN_THE_WAY[1] in line]
    assert mine[0] in lines[first:last]
    assert [NAME] == os.listdir(folder)

    # No update before the conflict is resolved, not even a dry run.
    for flag in ("--diff", "--check", "--dry-run", "--backup"):
        assert "unresolved conflicts" in update(NAME, flag, code=2)

    path.write_text("\n".join([*lines[: first - 1], *lines[last:]]))
    assert "is up to date" in update(NAME)


@pytest.mark.parametrize("flag", ["--dry-run", "--diff", "--check", "--json"])
def test_conflict_is_foretold(flag):
    """Every mode reports a conflict, with exit status 1."""
    path = conflicting()
    before = path.read_bytes()

    result = invoke("update", NAME, "--manual-loss", "--abort-on-conflict", flag)

    assert 1 == result.exit_code
    assert f"Conflict in {NAME}, lines " in result.stderr
    assert before == path.read_bytes()


def test_abort_on_conflict(folder):
    """With --abort-on-conflict, a conflict changes nothing."""
    path = conflicting()
    before = path.read_bytes()

    said = update(NAME, "--manual-loss", "--abort-on-conflict", code=1)

    assert said.endswith("Nothing was changed.\n")
    assert before == path.read_bytes()
    assert [NAME] == os.listdir(folder)
    assert "Updated" in update(NAME, "--test-step", "--abort-on-conflict")


def test_form_and_conflict():
    """A conflict together with a new style is refused, with a hint."""
    path = conflicting()
    before = path.read_bytes()

    said = update(NAME, "--manual-loss", "--line-length", "70", code=2)

    assert "in two steps: first the style" in said
    assert before == path.read_bytes()


def test_same_edit_on_both_sides():
    """An edit that equals the update is not a conflict."""
    path = make(Spec())
    old, new = text(Spec(), NAME), text(Spec(manual_loss=True), NAME)
    body = old.split("\n", 1)[1].rsplit("\n\n\n#", 1)[0]
    path.write_text(old.replace(body, new.split("\n", 1)[1].rsplit("\n\n\n#", 1)[0]))

    update(NAME, "--manual-loss")

    assert new == path.read_text()


@pytest.mark.parametrize("left", ["<<<<<<<", "=======", ">>>>>>>"])
def test_half_resolved_conflict(left):
    """A file with one remaining marker is refused."""
    path = conflicting()
    update(NAME, "--manual-loss", code=1)
    markers = ("<<<<<<<", "=======", ">>>>>>>")
    path.write_text(
        "\n".join(
            line
            for line in path.read_text().split("\n")
            if line.startswith(left) or not line.startswith(markers)
        )
    )

    assert "unresolved conflicts" in update(NAME, "--test-step", code=2)


@pytest.mark.parametrize("by", ["git", "merge3"])
def test_merging_lines(by, monkeypatch):
    """Git and merge3 find the same conflicts."""
    if by == "merge3":
        monkeypatch.setattr(line_merge.shutil, "which", lambda _: None)
    base = "a\nb\nc\nd\ne\nf\ng"

    def merged(ours, theirs):
        found = block_merge.merge(base, ours, theirs, ("yours", "new"))
        return found.text, [(c.first, c.last) for c in found.conflicts]

    mine = base.replace("b", "B")
    assert (mine.replace("f", "F"), []) == merged(mine, base.replace("f", "F"))
    both = base.replace("b", "<<<<<<< yours\nB\n=======\nX\n>>>>>>> new")
    assert (both, [(2, 6)]) == merged(mine, base.replace("b", "X"))
    # A file without a final line feed, and lines that look like Git's markers.
    odd = base.replace("b", "<<<<<<< o").replace("c", "=======")
    assert (odd.replace("g", "G"), []) == merged(odd, base.replace("g", "G"))
    crlf = base.replace("b", "b\r")
    assert (crlf.replace("g", "G\n"), []) == merged(crlf, base.replace("g", "G\n"))


def test_nothing_to_merge_with(monkeypatch):
    """Without Git and merge3, the hint says what to install, and its licence."""
    path = make(Spec())
    monkeypatch.setattr(line_merge.shutil, "which", lambda _: None)
    monkeypatch.setitem(sys.modules, "merge3", None)
    edit(path, IN_THE_WAY)

    said = update(NAME, "--manual-loss", code=2)

    assert said.endswith("licence is GPL-2.0-or-later: pip install merge3\n")


def test_in_a_hook_of_git(monkeypatch):
    """Variables that Git sets for its hooks do not affect the merge."""
    path = make(Spec())
    edit(path, MINE)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    # Git would fail with this invalid value.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "nonsense")

    update(NAME, "--manual-metrics")

    assert "# My line." in path.read_text()


BROKEN_GITS = {
    "an error with status 1": "echo xcrun: error >&2; exit 1",
    "an error with status 255": "echo fatal: no >&2; exit 255",
    "nothing at all": "exit 0",
}


@pytest.mark.parametrize("how", BROKEN_GITS)
def test_broken_git(how, folder, monkeypatch):
    """A failure of Git is reported, whatever its status, and nothing is merged."""
    path = make(Spec())
    edit(
        path, ("        return loss, aux", "        # Mine.\n        return loss, aux")
    )
    before = path.read_bytes()
    git = folder / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\n{BROKEN_GITS[how]}\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent), prepend=os.pathsep)

    said = update(NAME, "--manual-loss", code=2)

    assert "git merge-file failed" in said
    assert before == path.read_bytes()
