"""Proves that an update gives what is asked for, and that no edit is lost."""

import ast
import difflib
import importlib.util
import json
import os
import random
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import black
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from matrix import core_goldens, core_specs, text

from scaffold import Spec, __version__, render, writing
from scaffold.cli import main
from scaffold.errors import RecordError, WriteError
from scaffold.header import parse_header
from scaffold.record import DICTIONARY, MARK, Record
from scaffold.record import LINE as RECORD
from scaffold.update import (
    block_merge,
    file_swap,
    line_merge,
    merge_base,
    module_merge,
    module_update,
    update_targets,
)
from scaffold.update.blocks import blocks_of
from scaffold.update.option_changes import OptionChanges
from scaffold.update.update_targets import plan_update

NAME = "custom_model.py"
#: How much of the dictionary a released kscaffold had, and its checksum: records of
#: that version refer to it. A release that follows moves both.
RELEASED_LINES = 2172
RELEASED_DIGEST = 2437783869
#: Files that kscaffold generated when its templates were others.
EARLIER = sorted((Path(__file__).parent / "earlier").glob("*.py"))

pytestmark = pytest.mark.usefixtures("plain_compiler")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments):
    """Runs the command in this process."""
    result = CliRunner().invoke(main, [str(word) for word in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def update(*arguments, code=0):
    """Runs `kscaffold update`, and returns what it said on standard error."""
    result = invoke("update", *arguments)
    assert code == result.exit_code, result.output
    return result.stderr


def make(spec: Spec, name=NAME) -> Path:
    """Writes the module of a spec."""
    Path(name).write_text(text(spec, name), encoding="utf-8")
    return Path(name)


def edit(path: Path, *edits: tuple[str, str]) -> None:
    """Replaces parts of a file, each of which must be there once."""
    content = path.read_text(encoding="utf-8")
    for old, new in edits:
        assert content.count(old) == 1, (old, content.count(old))
        content = content.replace(old, new)
    path.write_text(content, encoding="utf-8")


def options(old: Spec, new: Spec) -> dict:
    """Returns the options that lead from one spec to another."""
    return {k: v for k, v in asdict(new).items() if v != asdict(old)[k]}


def load(path: Path):
    """Imports a file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_trains(path: Path, spec: Spec, eagerly: bool = False) -> None:
    """Imports a module and trains its class: the weights must change."""
    cls = getattr(load(path), spec.class_name)
    objective = spec.objective
    if spec.style == "functional":
        inputs = keras.Input((4,))
        model = cls(inputs, keras.layers.Dense(objective.width)(inputs))
    elif spec.style == "sequential":
        model = cls([keras.Input((4,)), keras.layers.Dense(objective.width)])
    else:
        model = cls()
    how, names = {}, {"keras": keras}
    if not spec.manual_loss:
        how["loss"] = eval(objective.loss.argument, names)
    if not spec.manual_metrics:
        how["metrics"] = [eval(m.argument, names) for m in objective.metrics]
    model.compile(optimizer="sgd", run_eagerly=eagerly, **how)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    y = np.arange(8).reshape(8, 1) % 2
    model(x)  # makes the variables
    before = model.get_weights()
    size = 8 if eagerly else 4
    history = model.fit(
        x, y, batch_size=size, verbose=0, validation_data=(x, y)
    ).history

    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(history["val_loss"]).all()
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def run_demo(path: Path) -> dict:
    """Runs a file as a script, in this process; returns its results."""
    return runpy.run_path(str(path), run_name="__main__")["results"]


# Any options, any edits.


def specs():
    """Draws options: those of the goldens, and some without the main block."""
    found = [*core_goldens().values()]
    return st.sampled_from(found + [replace(spec, demo=False) for spec in found[::4]])


def definitions(source: str) -> dict[str, range]:
    """Maps the functions, the methods and the main block of a module to their lines."""
    found = {}
    for node in ast.parse(source).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for one in inner:
            if isinstance(one, ast.FunctionDef | ast.If):
                name = getattr(one, "name", "__main__")
                found[f"{name} of {getattr(node, 'name', '')}"] = range(
                    one.lineno - 1, one.end_lineno
                )
    return found


def places(a: str, b: str) -> tuple[list[tuple[int, int]], list[int]]:
    """Finds where two texts are the same, and where they are not.

    A line is shared if the definition that it is in has it once in both texts, with
    the same neighbours.

    Returns:
        The numbers of shared lines in both texts, and those of lines that `b` lacks.
    """
    lines_a, lines_b, in_b = a.split("\n"), b.split("\n"), definitions(b)
    shared, other = [], []
    for name, span in definitions(a).items():
        mine = [lines_a[n] for n in span]
        theirs = [lines_b[n] for n in in_b.get(name, ())]
        for at in range(1, len(mine) - 1):
            line = mine[at]
            if not line.strip() or mine.count(line) > 1:
                continue
            if line not in theirs:
                other.append(span[at])
            elif theirs.count(line) == 1:
                there = theirs.index(line)
                if mine[at - 1 : at + 2] == theirs[there - 1 : there + 2]:
                    shared.append((span[at], in_b[name][there]))
    return shared, other


def edited(source: str, edits: dict[int, str]) -> str:
    """Makes edits that keep a module what it is: comments, in and behind lines.

    Args:
        source: The module.
        edits: What to do at a line: `change` it, or `insert` one behind it, or
            `delete` it if it is a comment.
    """
    lines = source.split("\n")
    for at in sorted(edits, reverse=True):
        line = lines[at]
        indent = line[: len(line) - len(line.lstrip())]
        if edits[at] == "insert":
            lines.insert(at + 1, f"{indent}# Mine, {zlib.crc32(line.encode())}.")
        elif edits[at] == "delete" and line.lstrip().startswith("#"):
            del lines[at]
        else:
            lines[at] = f"{line}  # mine"
    return "\n".join(lines)


def check_property(old: Spec, new: Spec, data, do_update) -> None:
    """Updates an edited module from one spec to another, and looks at every edit.

    Args:
        old: What it was generated with.
        new: What it is updated to.
        data: Hypothesis's source of choices.
        do_update: A function of a path and options, which returns the new text and
            the conflicts.
    """
    a, b = text(old, NAME), text(new, NAME)
    shared, other = places(a, b)
    ways = st.sampled_from(["change", "insert", "delete"])
    chosen = data.draw(
        st.lists(st.sampled_from(shared), min_size=1, max_size=3, unique=True)
    )
    numbers = sorted(at for at, _ in chosen)
    # Two edits side by side are one, and it may reach where the texts differ.
    assume(all(j - i > 2 for i, j in zip(numbers, numbers[1:], strict=False)))
    how = [data.draw(ways) for _ in chosen]
    mine = {at: way for (at, _), way in zip(chosen, how, strict=True)}
    wanted = {at: way for (_, at), way in zip(chosen, how, strict=True)}
    Path(NAME).write_text(edited(a, mine), encoding="utf-8")

    result, conflicts = do_update(Path(NAME), options(old, new))

    assert not conflicts
    assert result == edited(b, wanted)
    Path(NAME).write_text(result, encoding="utf-8")
    check_trains(Path(NAME), new, eagerly=True)
    if not other:
        return

    at = data.draw(st.sampled_from(other))
    line = f"{a.split(chr(10))[at]}  # mine"
    Path(NAME).write_text(edited(a, {at: "change"}), encoding="utf-8")

    result, _ = do_update(Path(NAME), options(old, new))

    # Between markers or not: the edit is there.
    assert line in result.split("\n")


def plain_update(path: Path, change: dict) -> tuple[str, tuple]:
    """Updates a module without writing it."""
    [file] = plan_update(str(path), OptionChanges(change)).files
    return file.text, file.conflicts


@pytest.fixture
def render_once(monkeypatch):
    """Updates take the texts that are rendered already: Black takes time."""
    monkeypatch.setattr(
        module_update,
        "module_text",
        lambda spec, name, mode: RECORD.sub(MARK, text(spec, name)),
    )


def hold(check, examples: int) -> None:
    """Checks a property of pairs of different specs with many examples.

    The first example that fails is not made smaller: that takes minutes.
    """

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(specs(), specs(), st.data())
    def run(old, new, data):
        assume(old != new)
        check(old, new, data)

    run()


@pytest.mark.parametrize(
    "examples", [6, pytest.param(300, marks=pytest.mark.exhaustive)]
)
def test_edits_arrive(examples, render_once):
    """Edits where two specs agree arrive in the new text, which trains; none is lost.

    Where the specs differ, an edit is in a conflict, or there without one.
    """
    hold(
        lambda old, new, data: check_property(old, new, data, plain_update),
        examples,
    )


def without_edits(path, change):
    """Stands for an update that throws the edits away."""
    result, conflicts = plain_update(path, change)
    return re.sub("  # mine$", "", result, flags=re.MULTILINE), conflicts


def without_update(path, change):
    """Stands for an update that does nothing."""
    return path.read_text(encoding="utf-8"), ()


def with_theirs(path, change):
    """Stands for an update that settles conflicts in silence."""
    result, _ = plain_update(path, change)
    marked = re.compile(r"<<<<<<< .*?\n=======\n(.*?)>>>>>>> .*?\n", re.DOTALL)
    return marked.sub(r"\1", result), ()


@pytest.mark.parametrize("broken", [without_edits, without_update, with_theirs])
def test_edits_can_be_lost(broken):
    """An update that loses an edit, or does nothing, is found out."""
    with pytest.raises(AssertionError):
        hold(lambda old, new, data: check_property(old, new, data, broken), 30)


@pytest.mark.parametrize(
    "examples", [8, pytest.param(60, marks=pytest.mark.exhaustive)]
)
def test_round_trip(examples, render_once):
    """Without edits, A to B gives what `new` writes, and B to A the bytes of A."""

    def check(old, new, data):
        path = make(old)
        for one, other in ((old, new), (new, old)):
            result, _ = plain_update(path, options(one, other))
            assert text(other, NAME) == result
            path.write_text(result, encoding="utf-8")

    hold(check, examples)


# What people do to their files.


MINE = (
    "        return logs, (",
    "        # My line.\n        return logs, (",
)


def test_update(folder):
    """The options that are given change, and what was written before stays."""
    path = make(Spec(manual_loss=True))
    edit(path, MINE)

    said = update(NAME, "--test-step", "--sample-weight")

    spec = Spec(manual_loss=True, test_step=True, sample_weight=True)
    expected = text(spec, NAME)
    train_step = expected.index("def train_step")
    at = expected.index(MINE[0], train_step)
    expected = expected[:at] + expected[at:].replace(*MINE, 1)
    assert expected == path.read_text(encoding="utf-8")
    assert f"Updated {NAME}\n" == said
    assert [NAME] == os.listdir(folder)
    check_trains(path, spec)
    run_demo(path)
    assert f"{NAME} is up to date\n" == update(NAME)


def test_unset():
    """An option goes back to its default."""
    path = make(Spec(loss="mae", metric=("mse",), manual_loss=True))

    update(NAME, "--unset", "loss", "--unset", "metric")

    assert text(Spec(manual_loss=True), NAME) == path.read_text(encoding="utf-8")


def test_moved_and_renamed_file(folder):
    """A file that was moved and renamed is updated; its first line stays."""
    make(Spec())
    (folder / "deep").mkdir()
    path = Path(NAME).rename(folder / "deep" / "net.py")

    update(path, "--test-step")

    assert text(Spec(test_step=True), NAME) == path.read_text(encoding="utf-8")


def test_renamed_class():
    """A class that the user renamed keeps that name, also where the text is new."""
    path = make(Spec())
    edit(path, ("class CustomModel(", "class Net("), ("= CustomModel(", "= Net("), MINE)

    update(NAME, "--manual-loss", "--style", "sequential")

    spec = Spec(manual_loss=True, style="sequential", class_name="Net")
    assert text(spec, NAME).replace(*MINE) == path.read_text(encoding="utf-8")
    check_trains(path, spec)


def test_class_name_is_changed():
    """With --class-name the user's lines follow, and no attribute of that name."""
    path = make(Spec())
    old = "    model.compile("
    edit(path, (old, f"    print(CustomModel, keras.CustomModel)\n{old}"))

    update(NAME, "--class-name", "Net")

    new = f"    print(Net, keras.CustomModel)\n{old}"
    assert text(Spec(class_name="Net"), NAME).replace(old, new) == path.read_text()


FORMATTERS = {
    "black": ["black", "--quiet", "--line-length"],
    "ruff": ["ruff", "format", "--isolated", "--quiet", "--line-length"],
}


#: The others are for CI: each takes two seconds.
FORMS = [
    pytest.param(name, length, marks=[] if few else pytest.mark.exhaustive)
    for name, length, few in [
        *(("black", 60, True), ("black", 100, True), ("ruff", 79, True)),
        *(("black", 79, False), ("black", 133, False)),
        *(("ruff", 60, False), ("ruff", 100, False), ("ruff", 133, False)),
    ]
]


@pytest.mark.parametrize(("formatter", "length"), FORMS)
def test_reformatted_file(formatter, length):
    """A file in another form is updated in that form, without a conflict."""
    path = make(Spec())
    edit(path, MINE)
    command = [sys.executable, "-m", *FORMATTERS[formatter], str(length), NAME]
    subprocess.run(command, check=True)
    before = path.read_text(encoding="utf-8")

    update(NAME, "--test-step", "--manual-loss")

    after = path.read_text(encoding="utf-8")
    mode = black.Mode(line_length=length)
    # In 100 columns the plainest file looks as in 88: nothing says that it is in 100.
    if formatter == "black" and length != 100:
        assert black.format_str(after, mode=mode) == after
    assert "# My line." in after and "def test_step" in after
    check_trains(path, Spec(test_step=True, manual_loss=True))
    assert "is up to date" in update(NAME)

    update(NAME, "--no-test-step", "--compile-loss")

    changed = set(before.split("\n")) ^ set(path.read_text().split("\n"))
    assert {
        line for line in changed if not line.startswith("# kscaffold:base")
    } == set()


def test_line_length_is_changed():
    """With --line-length the whole file takes the new form, the user's lines too."""
    path = make(Spec())
    edit(
        path,
        (
            "        x, y, sample_weight = ",
            "        print(x,  y)\n        x, y, sample_weight = ",
        ),
    )

    update(NAME, "--line-length", "60")

    after = path.read_text(encoding="utf-8")
    assert black.format_str(after, mode=black.Mode(line_length=60)) == after
    assert "        print(x, y)\n" in after

    update(NAME, "--unset", "line-length")

    # What the user did not edit is as it was, to the last bit.
    after = path.read_text(encoding="utf-8")
    assert black.format_str(after, mode=black.Mode()) == after
    start = "    def train_step("
    before = text(Spec(), NAME)
    assert before[: before.index(start)] == after[: after.index(start)]
    assert (
        before[before.index("\n\n\nif __name__") :]
        == after[after.index("\n\n\nif __name__") :]
    )


def test_form_of_own_lines_stays():
    """Lines of the user's that Black would change stay as they are."""
    path = make(Spec())
    own = ("        return logs, (", "        print( 'x' )\n        return logs, (")
    edit(path, own)

    update(NAME, "--test-step", "--manual-metrics")

    assert "        print( 'x' )\n" in path.read_text(encoding="utf-8")


def test_only_new_lines_are_formatted():
    """Black formats the lines that an update brought, and no others."""
    mine = "def f():\n    print( 'x' )\n\n\ndef g():\n    return 1\n"
    merged = mine.replace("return 1", "return ( 'y' )")

    result = module_merge.formatted(mine, merged, {})

    assert merged.replace("( 'y' )", '"y"') == result


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
def test_crlf(bom):
    """A file of a Windows editor keeps its line ends, and the mark before UTF-8."""
    path = make(Spec())
    edit(path, MINE)
    path.write_bytes(bom + path.read_bytes().replace(b"\n", b"\r\n"))

    update(NAME, "--manual-metrics")

    content = path.read_bytes()
    expected = text(Spec(manual_metrics=True), NAME).replace(*MINE)
    assert bom + expected.replace("\n", "\r\n").encode() == content
    check_trains(path, Spec(manual_metrics=True))


def test_lines_around_the_first():
    """A licence above the first line stays there, and so does one's deletion."""
    path = make(Spec())
    path.write_text("# Licence: mine.\n" + path.read_text())

    update(NAME, "--test-step")

    lines = path.read_text().split("\n")
    assert "# Licence: mine." == lines[0]
    assert text(Spec(test_step=True), NAME).split("\n") == lines[1:]
    del lines[:2]
    path.write_text("\n".join(lines))

    update(NAME, "--no-test-step")

    assert text(Spec(), NAME).split("\n")[1:] == path.read_text().split("\n")


def test_added_imports():
    """Imports of both sides are there once, whoever added them."""
    path = make(Spec())
    edit(path, ("import inspect\n", "import functools\nimport inspect\nimport math\n"))

    update(NAME, "--fuse-steps")

    imports = re.findall("^import .*", path.read_text(), re.MULTILINE)
    assert sorted(set(imports)) == sorted(imports)
    assert {"import functools", "import math", "import itertools"} < set(imports)
    check_trains(path, Spec(fuse_steps=True))


def test_used_imports_stay():
    """An import that the new text does not need stays if the user's lines need it."""
    path = make(Spec(demo=True))
    edit(path, (MINE[0], "        np.float32(0)\n" + MINE[0]))

    update(NAME, "--no-demo")

    assert "import numpy as np\n" in path.read_text()
    check_trains(path, Spec(demo=False))


def test_missing_imports_are_added():
    """An import that the user dropped with its use comes back with a new use."""
    path = make(Spec())
    mine = '    rng = __import__("numpy").random.default_rng(0)'
    edit(
        path, ("    rng = np.random.default_rng(0)", mine), ("import numpy as np\n", "")
    )

    update(NAME, "--fuse-steps")

    expected = text(Spec(fuse_steps=True), NAME)
    assert expected.replace("    rng = np.random.default_rng(0)", mine) == (
        path.read_text()
    )


def test_deleted_method():
    """A method that the user removed stays away, unless the update changes it."""
    path = make(Spec(test_step=True))
    source = path.read_text()
    start, end = source.index("    def test_step"), source.index("\n\nif __name__")
    path.write_text(source[:start].rstrip("\n") + "\n" + source[end:])

    update(NAME, "--manual-loss")

    after = path.read_text()
    assert "def test_step" not in after and "self.loss_fn" in after
    check_trains(path, Spec(manual_loss=True))

    said = update(NAME, "--manual-metrics", code=1)

    assert "in CustomModel.test_step" in said
    assert ">>>>>>> kscaffold" in path.read_text()


def test_added_method():
    """A method that the user added stands beside one that the update adds there."""
    path = make(Spec())
    mine = "\n    def mine(self):\n        return 1\n"
    edit(path, ("\n\nif __name__", f"{mine}\n\nif __name__"))

    update(NAME, "--test-step")

    spec = Spec(test_step=True)
    check_trains(path, spec)
    cls = load(path).CustomModel
    assert {"mine", "test_step"} < vars(cls).keys()
    update(NAME, "--no-test-step")
    expected = text(Spec(), NAME).replace("\n\nif __name__", f"{mine}\n\nif __name__")
    assert expected == path.read_text()


def test_own_loss():
    """The most common edit, another loss, stays while everything else changes."""
    path = make(Spec())
    mine = "        return loss + 0.1 * keras.ops.mean(keras.ops.abs(y_pred))\n"
    method = (
        "    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):\n"
        "        loss = super().compute_loss(x, y, y_pred, sample_weight, training)\n"
        f"{mine}\n"
    )
    start = "    def compute_loss_and_updates("
    edit(path, (start, method + start))

    update(NAME, "--test-step", "--sample-weight", "--manual-metrics", "--fuse-steps")

    spec = Spec(
        test_step=True, sample_weight=True, manual_metrics=True, fuse_steps=True
    )
    assert text(spec, NAME) == path.read_text().replace(method, "")
    check_trains(path, spec)
    assert run_demo(path)["loss"] < 1


def test_lost_name():
    """What the user's lines use and the update removes is said, with exit status 1."""
    path = make(Spec(manual_loss=True))
    edit(path, (MINE[0], "        print(refuse_weight, self.loss_fn)\n" + MINE[0]))
    said = update(NAME, "--sample-weight", "--compile-loss", "--dry-run", code=1)

    found = re.findall("line [0-9]+: (.*) is used, but the update removed it", said)
    assert ["refuse_weight", "self.loss_fn"] == found


# Conflicts.


#: An edit of a line that --manual-loss removes.
IN_THE_WAY = ("# your own, override", "# their own, override")


def conflicting() -> Path:
    """Writes a module with an edit that --manual-loss is in conflict with."""
    path = make(Spec())
    edit(path, IN_THE_WAY)
    return path


def test_conflict(folder):
    """A conflict is between markers that name the sides, and is said, with status 1."""
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
        "Keep what you want of each conflict, and remove the markers.",
    ] == said.splitlines()
    assert "=======" in lines[first:last]
    mine = [line for line in before.split("\n") if IN_THE_WAY[1] in line]
    assert mine[0] in lines[first:last]
    assert [NAME] == os.listdir(folder)

    # Not again before that is resolved: not even to look.
    for flag in ("--diff", "--check", "--dry-run", "--backup"):
        assert "conflicts that are not resolved" in update(NAME, flag, code=2)

    path.write_text("\n".join([*lines[: first - 1], *lines[last:]]))
    assert "is up to date" in update(NAME)


@pytest.mark.parametrize("flag", ["--dry-run", "--diff", "--check", "--json"])
def test_conflict_is_foretold(flag):
    """Whatever is asked for, a conflict is said, and the exit status is 1."""
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
    """Conflicts and another form at once are refused, with the way out."""
    path = conflicting()
    before = path.read_bytes()

    said = update(NAME, "--manual-loss", "--line-length", "70", code=2)

    assert "in two steps: first the form" in said
    assert before == path.read_bytes()


def test_same_edit_on_both_sides():
    """What the user wrote as the update would is no conflict."""
    path = make(Spec())
    old, new = text(Spec(), NAME), text(Spec(manual_loss=True), NAME)
    body = old.split("\n", 1)[1].rsplit("\n\n\n#", 1)[0]
    path.write_text(old.replace(body, new.split("\n", 1)[1].rsplit("\n\n\n#", 1)[0]))

    update(NAME, "--manual-loss")

    assert new == path.read_text()


@pytest.mark.parametrize("by", ["git", "merge3"])
def test_merging_lines(by, monkeypatch):
    """Git and merge3 agree on what is a conflict, and on what is not."""
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
    # A file without a last line feed, and lines that look like git's own.
    odd = base.replace("b", "<<<<<<< o").replace("c", "=======")
    assert (odd.replace("g", "G"), []) == merged(odd, base.replace("g", "G"))
    crlf = base.replace("b", "b\r")
    assert (crlf.replace("g", "G\n"), []) == merged(crlf, base.replace("g", "G\n"))


def test_nothing_to_merge_with(monkeypatch):
    """Without git and merge3, it is said what to install."""
    path = make(Spec())
    monkeypatch.setattr(line_merge.shutil, "which", lambda _: None)
    monkeypatch.setitem(sys.modules, "merge3", None)
    edit(path, IN_THE_WAY)

    said = update(NAME, "--manual-loss", code=2)

    assert "pip install merge3" in said


def test_in_a_hook_of_git(monkeypatch):
    """The variables that git sets for its hooks do not reach the merge."""
    path = make(Spec())
    edit(path, MINE)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    # Nonsense, for which git fails if it sees it.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "nonsense")

    update(NAME, "--manual-metrics")

    assert "# My line." in path.read_text()


# The command.


def test_dry_run_diff_and_check(folder):
    """What would change is said or shown, and nothing is written."""
    path = make(Spec())
    before = path.read_bytes()

    assert f"Would update {NAME}\n" == update(NAME, "--test-step", "--dry-run")
    assert f"Would update {NAME}\n" == update(NAME, "--test-step", "--check", code=1)
    shown = invoke("update", NAME, "--test-step", "--diff")
    assert 0 == shown.exit_code
    assert before == path.read_bytes()
    update(NAME, "--check")
    update(NAME, "--no-test-step", "--check")

    subprocess.run(["git", "apply"], input=shown.stdout, text=True, check=True)
    assert text(Spec(test_step=True), NAME) == path.read_text()


def test_json():
    """The result for machines has the options, the files and the conflicts."""
    conflicting()

    result = invoke("update", NAME, "--manual-loss", "--json", "--diff")

    data = json.loads(result.stdout)
    assert f"kscaffold new {NAME} --manual-loss" == data["command"]
    assert data["options"]["manual_loss"]
    [file] = data["files"]
    assert (NAME, "would be updated") == (file["path"], file["status"])
    [conflict] = file["conflicts"]
    assert "CustomModel.compute_loss_and_updates" == conflict["where"]
    assert conflict["first"] < conflict["last"]
    assert "+<<<<<<< yours\n" in file["diff"]
    error = json.loads(invoke("update", "no.py", "--json").stdout)["error"]
    assert "no.py does not exist." == error["message"]


def test_backup(folder):
    """With --backup the old file stays, and none that is there is overwritten."""
    path = make(Spec())
    Path(f"{NAME}.orig").write_text("Mine.")

    said = update(NAME, "--test-step", "--backup")

    assert f"Updated {NAME}\nKept {NAME}.orig1\n" == said
    assert "Mine." == Path(f"{NAME}.orig").read_text()
    assert text(Spec(), NAME) == Path(f"{NAME}.orig1").read_text()
    assert text(Spec(test_step=True), NAME) == path.read_text()


def test_mode_and_link(folder):
    """The mode of the file stays, and a link to it stays one."""
    (folder / "real").mkdir()
    path = make(Spec(), "real/" + NAME)
    path.chmod(0o755)
    Path(NAME).symlink_to(path)

    update(NAME, "--test-step")

    assert Path(NAME).is_symlink()
    assert 0o755 == path.stat().st_mode & 0o777
    assert "def test_step" in path.read_text()


def test_changed_in_the_meantime(monkeypatch):
    """What is saved while the update thinks is not overwritten."""
    path = make(Spec())
    plan = update_targets.plan_update(NAME, OptionChanges({"test_step": True}))
    edit(path, MINE)

    with pytest.raises(WriteError, match="changed in the meantime"):
        file_swap.apply(plan.files)

    assert "# My line." in path.read_text()


def test_failed_write(folder, monkeypatch):
    """If the file cannot be written, it is what it was, and nothing else is there."""
    path = make(Spec())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "replace", full)

    assert "No space left on device" in update(NAME, "--test-step", code=2)
    assert before == path.read_bytes()
    assert [NAME] == os.listdir(folder)


UPDATER = """
import sys
from pathlib import Path
from scaffold.update.file_swap import apply
from scaffold.update.update_plan import FileUpdate

folder, number = Path(sys.argv[1]), 0
print("ready", flush=True)
while True:
    names = ["a", "b", "c"]
    apply([
        FileUpdate(
            folder / name,
            (f"{number % 2}" * 100_000).encode(),
            f"{(number + 1) % 2}" * 100_000,
        )
        for name in names
    ])
    number += 1
"""


def test_kill(tmp_path):
    """Killed at any moment: each file is the old one or the new one, whole."""
    contents = {"0" * 100_000, "1" * 100_000}
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in "abc":
            (folder / name).write_text("0" * 100_000)
        command = [sys.executable, "-c", UPDATER, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(random.uniform(0.0, 0.05))
            process.send_signal(signal.SIGKILL)

        assert -signal.SIGKILL == process.returncode
        assert all((folder / name).read_text() in contents for name in "abc")
        copies = [path for path in folder.iterdir() if path.suffix.startswith(".orig")]
        assert all(path.read_text() in contents for path in copies)


# The base.


@pytest.mark.exhaustive
@pytest.mark.parametrize("length", [79, 100, 120])
def test_records_of_other_lengths_are_short(length):
    """In the line lengths that people use, records are not much longer."""
    for spec in core_specs(line_length=length)[::7]:
        [word] = RECORD.findall(render(spec, NAME)[0].text)

        assert len(word) < 700


def test_dictionary_only_grows():
    """The lines that are out in the world are where they were."""
    released = DICTIONARY.read_bytes().split(b"\n")[:RELEASED_LINES]

    assert RELEASED_LINES == len(released)
    assert RELEASED_DIGEST == zlib.crc32(b"\n".join(released))


def damaged(line: str) -> str:
    """Changes one letter of a line with a record."""
    at = len(MARK) + 9
    return line[:at] + ("A" if line[at] != "A" else "B") + line[at + 1 :]


LOST = {
    "removed": (lambda line: "", "has no lines # kscaffold:base:"),
    "emptied": (lambda line: MARK, "is damaged"),
    "damaged": (damaged, "is damaged"),
    "cut": (lambda line: line[:-30], "is damaged"),
    "no letters": (lambda line: f"{MARK}!!!", "is damaged"),
    "twice": (lambda line: f"{line}\n{line}", "has 2 lines # kscaffold:base:"),
}


@pytest.mark.parametrize("how", LOST)
def test_lost_record(how):
    """A record that is lost or damaged is noticed, and --base is the way out."""
    change, message = LOST[how]
    path = make(Spec())
    edit(path, MINE)
    old = text(Spec(), NAME)
    line = old.split("\n")[-2]
    edit(path, (line, change(line)))
    before = path.read_bytes()

    said = update(NAME, "--test-step", code=2)

    assert message in said and "--base OLD.py" in said
    assert before == path.read_bytes()
    Path("OLD.py").write_text(old)
    if how != "twice":
        update(NAME, "--test-step", "--base", "OLD.py")
        assert "# My line." in path.read_text()
        assert "is up to date" in update(NAME)


@pytest.mark.parametrize("place", range(0, 120, 7))
def test_any_damage_is_noticed(place):
    """Whatever letter of a record changes, it is noticed."""
    [word] = RECORD.findall(text(Spec(manual_loss=True), NAME))
    place %= len(word)
    for letter in "Aq_":
        if word[place] != letter:
            with pytest.raises(RecordError):
                Record.of_word(word[:place] + letter + word[place + 1 :])


def test_edited_first_line():
    """Options are not changed by editing the first line: that is said."""
    path = make(Spec())
    first = text(Spec(), NAME).split("\n")[0]
    edit(path, (first, f"{first} --test-step"))

    said = update(NAME, code=2)

    assert f"it was: {first}\n" in said and "name them: kscaffold update" in said


def test_newer_kscaffold():
    """What a newer kscaffold wrote is left to it."""
    path = make(Spec())
    edit(path, (f"by kscaffold {__version__}:", "by kscaffold 99.1:"))

    assert "pip install 'kscaffold>=99.1'" in update(NAME, code=2)


NOT_OURS = {
    "a file of one's own": ("print(1)\n", "neither a first line nor a last one"),
    "bytes": (b"\xff\n", "is not UTF-8"),
    "a base that is none": (None, "The first line of no.py is not kscaffold's."),
}


@pytest.mark.parametrize("what", NOT_OURS)
def test_other_files(what):
    """What kscaffold did not write is refused."""
    content, message = NOT_OURS[what]
    arguments = []
    if content is None:
        make(Spec())
        Path("no.py").write_text("print(1)\n")
        arguments = ["--base", "no.py"]
    elif isinstance(content, bytes):
        Path(NAME).write_bytes(content)
    else:
        Path(NAME).write_text(content)

    assert message in update(NAME, "--test-step", *arguments, code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILE|DIR'"),
        ([NAME, "--loss", "meen_squared_error"], "Did you mean mean_squared_error?"),
        ([NAME, "--unset", "los"], "Did you mean loss?"),
        ([NAME, "--unset", "loss", "--loss", "mae"], "--loss is given and unset."),
        ([NAME, "--base", "no.py"], "no.py does not exist"),
        (["no.py"], "no.py does not exist"),
        (["no"], "no is no project"),
        (["."], "is no project"),
        (["-"], "- does not exist"),
        ([NAME, "--task", "binary", "--loss", "mse", "--metric", "nope"], "nope"),
    ],
)
def test_mistakes(arguments, message):
    """A mistake is said, and the file is what it was."""
    path = make(Spec())
    before = path.read_bytes()

    assert message in update(*arguments, code=2)
    assert before == path.read_bytes()


# Files of earlier templates.


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
    from test_update_project import edit as edit_file

    earlier = Path(__file__).parent / "earlier" / "my_project"
    shutil.copytree(earlier, "my_project")
    mine = "        # Mine.\n        grad_fn = "
    edit_file("my_project/my_project/model.py", "        grad_fn = ", mine)

    update("my_project", "--sample-weight")

    for file in render(Spec(task="multiclass", sample_weight=True), "my_project"):
        after = file.path.read_text(encoding="utf-8")
        assert file.text == after.replace(mine, "        grad_fn = "), file.path


# Edits that are no comments.


def behind(method: str, lines: str):
    """Returns an edit that adds lines at the end of a method of the class."""

    def add(source: str) -> str:
        block = blocks_of(source)[f"CustomModel.{method}"]
        body = "\n".join(block)
        assert 1 == source.count(body)
        return source.replace(body, f"{body}\n{lines}")

    return add


def above(line: str, lines: str):
    """Returns an edit that adds lines above one that is there once."""

    def add(source: str) -> str:
        assert 1 == source.count(f"\n{line}")
        return source.replace(f"\n{line}", f"\n{lines}\n{line}")

    return add


STRUCTURES = {
    "a comment at the end of a method": behind("train_step", "        # Mine."),
    "an alias of a method": behind("train_step", "    mine = train_step"),
    "a condition in the class": behind(
        "train_step",
        "\n    if keras.version() > 'x':\n        mine = 1",
    ),
    "a property": behind(
        "train_step",
        "\n    @property\n    def mine(self):\n        # Why.\n        return 1",
    ),
    "a nested class": behind("train_step", "\n    class Mine:\n        x = 1"),
    "a method before the first": above(
        "    def fit(", "    def mine(self):\n        return 1\n"
    ),
    "a function before the class": above(
        "@keras.saving.register", "def mine():\n    return 1\n\n"
    ),
    "a constant between functions": above("def refuse_weight(", "MINE = 1\n\n"),
    "another class": above(
        "if __name__ ==", "class Mine(keras.layers.Layer):\n    pass\n\n"
    ),
    "code behind the last line": lambda source: f"{source}\n\nMINE = 1\n",
    "imports in a string": above(
        "import inspect", 'MINE = """\nimport numpy as np\n"""'
    ),
    "an import from a module": above("import inspect", "from math import pi"),
    "a form feed": above("def training_argument(", "\x0c"),
    "other letters": behind("train_step", "        # Größe, 尺寸."),
    "a carriage return": behind("train_step", '        """a\rb"""'),
}


@pytest.mark.parametrize("what", STRUCTURES)
@pytest.mark.parametrize(
    "change",
    [
        {"test_step": True, "sample_weight": True},
        pytest.param(
            {"manual_loss": True, "demo": False}, marks=pytest.mark.exhaustive
        ),
    ],
    ids=["more", "less"],
)
def test_structures(what, change):
    """Whatever is added stays where it is: without it, the text is the new one."""
    source = text(Spec(), NAME)
    mine = STRUCTURES[what](source)
    added = [
        line[2:]
        for line in difflib.ndiff(source.split("\n"), mine.split("\n"))
        if line.startswith("+ ") and line.strip("+ ")
    ]
    Path(NAME).write_bytes(mine.encode())

    result, conflicts = plain_update(Path(NAME), change)

    assert not conflicts
    lines, wanted = result.split("\n"), text(Spec(**change), NAME).split("\n")
    for line in added:
        assert 1 == lines.count(line) - wanted.count(line), line
        lines.remove(line)
    assert [x for x in wanted if x.strip()] == [x for x in lines if x.strip()]
    # In the same place: behind the line that it was behind.
    at = mine.split("\n").index(added[0])
    before = [x for x in mine.split("\n")[:at] if x.strip() and x in wanted]
    found = [
        x for x in result.split("\n")[: result.split("\n").index(added[0])] if x.strip()
    ]
    if what not in ("code behind the last line", "a comment at the end of a method"):
        assert not before or before[-1] == found[-1] or before[-1] in found
    Path(NAME).write_bytes(result.encode())
    check_trains(Path(NAME), replace(Spec(), **change), eagerly=True)


def test_comment_at_the_end_of_a_method():
    """It stays with its method when the update adds another one behind."""
    path = make(Spec())
    path.write_text(STRUCTURES["a comment at the end of a method"](path.read_text()))

    update(NAME, "--test-step")

    assert (
        "        # Mine." == blocks_of(path.read_text())["CustomModel.train_step"][-1]
    )


def test_blocks_are_the_text():
    """The blocks of a module are its lines, all of them in their order."""
    for edit_of in STRUCTURES.values():
        for spec in (Spec(), Spec(fuse_steps=True, style="subclass")):
            source = text(spec, NAME)
            source = edit_of(source) if spec == Spec() else source
            lines = [line for lines in blocks_of(source).values() for line in lines]

            assert source == "\n".join(lines)


def test_moved_methods():
    """Methods that the user put in another order stay in it."""
    path = make(Spec())
    blocks = blocks_of(path.read_text())
    step, other = "CustomModel.train_step", "CustomModel.compute_loss_and_updates"
    order = [key for key in blocks if key != step]
    order.insert(order.index(other), step)
    path.write_text("\n".join(line for key in order for line in blocks[key]))

    update(NAME, "--manual-metrics", "--test-step")

    blocks = list(blocks_of(path.read_text()))
    assert blocks.index(step) < blocks.index(other)
    assert set(
        text(Spec(manual_metrics=True, test_step=True), NAME).split("\n")
    ) == set(path.read_text().split("\n"))


SPELLINGS = {
    "import itertools  # noqa: F401": "import itertools",
    "try:\n    import itertools\nexcept ImportError:\n    pass": "import itertools",
    "from itertools import chain": "",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_imports_in_other_words(spelling):
    """An import that is there in other words is not added again."""
    path = make(Spec())
    edit(path, ("import inspect\n", f"{spelling}\nimport inspect\n"))

    update(NAME, "--fuse-steps")

    there = re.findall(r"^ *import itertools\b", path.read_text(), re.MULTILINE)
    assert 1 == len(there)
    check_trains(path, Spec(fuse_steps=True))


def test_imports_with_comments():
    """New imports find their place among imports with comments behind them."""
    path = make(Spec())
    path.write_text(
        re.sub("^(import .*)$", r"\1  # noqa: E402", path.read_text(), flags=re.M)
    )

    update(NAME, "--fuse-steps")

    assert (
        "import inspect  # noqa: E402\nimport itertools\nimport math\n"
        in path.read_text()
    )
    check_trains(path, Spec(fuse_steps=True))


def test_import_of_something_else():
    """If a name that the new text needs means something else, that is said."""
    path = make(Spec())
    edit(path, ("import inspect\n", "from cmath import sqrt as math\nimport inspect\n"))

    said = update(NAME, "--fuse-steps", "--dry-run", code=1)

    assert "needs `import math`, and math is something else there" in said


def test_class_name_that_is_taken():
    """A name that the module has for something else is refused."""
    path = make(Spec())
    edit(path, ("import inspect\n", "import inspect\n\nNet = 3\n"))
    before = path.read_bytes()

    assert "has a name Net already" in update(NAME, "--class-name", "Net", code=2)
    assert before == path.read_bytes()


def test_renamed_class_with_a_successor():
    """If another class took the name, the one with the methods is the generated one."""
    path = make(Spec())
    successor = "\n\nclass CustomModel(Base):\n    pass\n\n\nif __name__"
    edit(path, ("class CustomModel(", "class Base("), ("\n\nif __name__", successor))

    result, conflicts = plain_update(path, {"test_step": True})

    assert not conflicts
    assert "Base.test_step" in blocks_of(result)
    assert "CustomModel.test_step" not in blocks_of(result)


def test_two_models_in_one_file():
    """The first line of another model further down stays as it is."""
    path = make(Spec())
    other = "# Generated by kscaffold 0.1.0: kscaffold new other.py"
    path.write_text(path.read_text() + f"\n{other}\nX = 1\n")

    update(NAME, "--test-step")

    assert f"\n{other}\nX = 1\n" in path.read_text()


def test_settings_of_black_come_first():
    """New text is in the form of `[tool.black]`, if the file is."""
    Path("pyproject.toml").write_text("[tool.black]\nline-length = 100\n")
    path = Path(NAME)
    path.write_text(text(Spec()))

    update(NAME, "--manual-loss")

    after = path.read_text()
    assert black.format_str(after, mode=black.Mode(line_length=100)) == after
    assert "is up to date" in update(NAME)


def test_settings_of_black_are_no_change():
    """Other settings alone change nothing, as long as nothing else does."""
    path = make(Spec())
    edit(path, MINE)
    Path("pyproject.toml").write_text("[tool.black]\nline-length = 100\n")

    assert "is up to date" in update(NAME, "--check")


def test_mixed_line_ends():
    """Lines keep the ends that they have; new ones have those of most lines."""
    path = make(Spec())
    content = path.read_bytes().replace(b"\n", b"\r\n")
    mixed = content.replace(b"import keras\r\n", b"import keras\n")
    path.write_bytes(mixed)

    update(NAME, "--manual-metrics")

    after = path.read_bytes()
    assert 1 == after.count(b"\n") - after.count(b"\r\n")
    assert b"import keras\n" in after


BROKEN_GITS = {
    "an error with status 1": "echo xcrun: error >&2; exit 1",
    "an error with status 255": "echo fatal: no >&2; exit 255",
    "nothing at all": "exit 0",
}


@pytest.mark.parametrize("how", BROKEN_GITS)
def test_broken_git(how, folder, monkeypatch):
    """A git that fails is said, whatever its status; nothing is taken for a merge."""
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


@pytest.mark.parametrize("left", ["<<<<<<<", "=======", ">>>>>>>"])
def test_half_resolved_conflict(left):
    """A file in which one marker is left is refused."""
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

    assert "conflicts that are not resolved" in update(NAME, "--test-step", code=2)


def test_base_with_edits():
    """A base that was edited is none: its edits would be lost."""
    path = make(Spec())
    edit(path, MINE)
    old = Path(shutil.copy(path, "OLD.py"))
    before = path.read_bytes()

    assert "OLD.py was edited" in update(NAME, "--test-step", "--base", old, code=2)
    line = path.read_text().split("\n")[-2]
    for one in (path, old):
        edit(one, (line, ""))
    said = update(NAME, "--test-step", "--base", old, code=2)
    assert "are the same, with the same edits" in said
    assert (
        before == path.read_bytes() + line.encode() + b"\n"
        or "# My line." in path.read_text()
    )


def test_first_line_without_its_excuse():
    """Tools may remove the `noqa` behind the first line."""
    spec = Spec(
        manual_loss=True, manual_metrics=True, sample_weight=True, test_step=True
    )
    path = make(spec)
    first = path.read_text().split("\n")[0]
    edit(path, (first, first.removesuffix("  # noqa: E501")))

    update(NAME, "--no-test-step")

    assert text(replace(spec, test_step=False), NAME) == path.read_text()


@pytest.mark.parametrize(
    ("version", "is_newer"),
    [("0.2.0rc1", False), ("0.2.0.dev3", False), ("0.10", True), ("1.0a1", True)],
)
def test_versions(version, is_newer, monkeypatch):
    """What is newer is compared by numbers, and a release is not newer than its rc."""
    monkeypatch.setattr(merge_base, "__version__", "0.2.0")
    if is_newer:
        with pytest.raises(RecordError, match="newer than this"):
            merge_base.check_version(NAME, version)
    else:
        merge_base.check_version(NAME, version)


def test_damaged_styles_are_noticed():
    """The checksum of a record covers the form of the text as well."""
    record = Record("x = 1\n", ({"line_length": 100},))
    for place in range(len(record.word)):
        for letter in "AQz9":
            word = record.word[:place] + letter + record.word[place + 1 :]
            try:
                # Some bits mean nothing, such as those behind the last byte.
                assert record == Record.of_word(word)
            except RecordError:
                continue


def test_deep_nesting():
    """Python that is too deep for Python's own parser is merged line by line."""
    path = make(Spec())
    edit(
        path, ("import inspect\n", f"import inspect\n\nX = {'+'.join(['1'] * 4000)}\n")
    )

    update(NAME, "--test-step")

    assert "def test_step" in path.read_text()


def test_file_with_a_syntax_error():
    """A file that is not Python at the moment is merged line by line."""
    path = make(Spec())
    edit(path, (MINE[0], "        if:\n" + MINE[0]))

    update(NAME, "--test-step", code=0)

    assert "        if:\n" in path.read_text()
    assert "def test_step" in path.read_text()


def test_copy_is_as_private(folder):
    """The copy of a file that is kept has its mode."""
    path = make(Spec())
    path.chmod(0o600)

    update(NAME, "--test-step", "--backup")

    assert 0o600 == Path(f"{NAME}.orig").stat().st_mode & 0o777
