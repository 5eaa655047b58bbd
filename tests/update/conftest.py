"""Fixtures of the tests of updates."""

from functools import cache

import pytest
from matrix import text

from scaffold import Spec, render, write
from scaffold.formatting import format_source, mode_of
from scaffold.record import LINE as RECORD
from scaffold.record import MARK
from scaffold.update import black_style, module_merge, module_update


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Runs each test in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def project(folder):
    """Writes a project into the empty folder."""
    write(render(Spec(), "my_project"))


@cache
def formatted(source: str, style: tuple, lines: tuple) -> str:
    """Formats a text with Black's settings `style`."""
    return format_source(source, mode_of(dict(style)), lines)


@pytest.fixture
def render_once(monkeypatch):
    """Renders and formats each text once, because Black takes time."""
    for module in black_style, module_merge:
        monkeypatch.setattr(module, "mode_of", lambda style: tuple(style.items()))
        monkeypatch.setattr(
            module,
            "format_source",
            lambda source, style, lines=(): formatted(source, style, tuple(lines)),
        )
    monkeypatch.setattr(
        module_update,
        "generated_text",
        lambda spec, name, mode: RECORD.sub(MARK, text(spec, name)),
    )
