"""Fixtures of the tests of updates."""

import pytest
from matrix import text

from scaffold import Spec, render, write
from scaffold.record import LINE as RECORD
from scaffold.record import MARK
from scaffold.update import module_update


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Runs each test in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder):
    """Writes a project into the empty folder."""
    write(render(Spec(), "my_project"))


@pytest.fixture
def render_once(monkeypatch):
    """Renders each text once, because Black takes time."""
    monkeypatch.setattr(
        module_update,
        "generated_text",
        lambda spec, name, mode: RECORD.sub(MARK, text(spec, name)),
    )
