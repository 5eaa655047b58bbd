"""Proves for random options and edits that an update is correct and loses no edit."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from edits import edited, places
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from matrix import core_goldens, text
from updating import NAME, check_trains, make, plain_update

from scaffold import Spec

pytestmark = pytest.mark.usefixtures("plain_compiler")


def options(old: Spec, new: Spec) -> dict:
    """Returns the options that differ between two specs, with their new values."""
    return {k: v for k, v in asdict(new).items() if v != asdict(old)[k]}


def specs():
    """Draws specs of goldens, also without the main block."""
    found = [*core_goldens().values()]
    return st.sampled_from(found + [replace(spec, demo=False) for spec in found[::4]])


def check_property(old: Spec, new: Spec, data, do_update) -> None:
    """Updates an edited module from one spec to another, and checks every edit.

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
    # Adjacent edits form one edit, which may touch lines that differ.
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

    # The edit is in the text, with or without conflict markers around it.
    assert line in result.split("\n")


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
    """Edits where two specs agree are in the new text, which trains.

    Where the specs differ, an edit is in a conflict, or there without one.
    """
    hold(
        lambda old, new, data: check_property(old, new, data, plain_update),
        examples,
    )


def without_edits(path, change):
    """Simulates an update that loses edits."""
    result, conflicts = plain_update(path, change)
    return re.sub("  # mine$", "", result, flags=re.MULTILINE), conflicts


def without_update(path, change):
    """Simulates an update that does nothing."""
    return path.read_text(encoding="utf-8"), ()


def with_theirs(path, change):
    """Simulates an update that resolves conflicts silently."""
    result, _ = plain_update(path, change)
    marked = re.compile(r"<<<<<<< .*?\n=======\n(.*?)>>>>>>> .*?\n", re.DOTALL)
    return marked.sub(r"\1", result), ()


@pytest.mark.parametrize("broken", [without_edits, without_update, with_theirs])
def test_edits_can_be_lost(broken):
    """The property fails for an update that loses an edit, or does nothing."""
    with pytest.raises(AssertionError):
        hold(lambda old, new, data: check_property(old, new, data, broken), 30)


@pytest.mark.parametrize(
    "examples", [8, pytest.param(60, marks=pytest.mark.exhaustive)]
)
def test_round_trip(examples, render_once):
    """Without edits, an update equals a new file, and the way back restores the old."""

    def check(old, new, data):
        path = make(old)
        for one, other in ((old, new), (new, old)):
            result, _ = plain_update(path, options(one, other))
            assert text(other, NAME) == result
            path.write_text(result, encoding="utf-8")

    hold(check, examples)
