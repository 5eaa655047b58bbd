"""The demos of the recipes learn what they show, compiled as a user has them."""

import runpy

import keras
import pytest
from matrix import recipe_goldens

GOLDENS = recipe_goldens()


@pytest.mark.parametrize(
    "path",
    # The others take a minute each: `python benchmarks/recipes.py` runs them as well.
    [
        path
        for path, spec in GOLDENS.items()
        if path.stem == "plain" and spec.recipe not in ("diffusion", "simclr")
    ],
    ids=lambda path: path.parent.name,
)
def test_demo_learns(path, tmp_path, monkeypatch, capsys):
    """The demo beats what it compares itself with, and draws images that it names."""
    monkeypatch.chdir(tmp_path)
    keras.utils.clear_session(free_memory=False)
    ran = runpy.run_path(str(path), run_name="__main__")
    ours, theirs, *_ = ran["results"].values()

    assert ours < theirs if GOLDENS[path].about["better"] == "lower" else ours > theirs
    drawn = [*tmp_path.iterdir()]
    assert ("matplotlib" in GOLDENS[path].about["needs"]) == bool(drawn)
    printed = capsys.readouterr().out
    assert all(file.name in printed for file in drawn)
    assert all(file.stat().st_size > 5000 for file in drawn)
