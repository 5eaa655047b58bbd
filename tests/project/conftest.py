"""Fixtures of the tests of projects."""

import importlib

import keras
import pytest


@pytest.fixture(autouse=True, scope="module")
def without_optimizations(plain_compiler):
    """Compiles without optimizations in all tests of projects."""


@pytest.fixture
def imported(monkeypatch):
    """Returns a function that imports the package of a project, by its own name."""

    def load(project):
        monkeypatch.syspath_prepend(project)
        return importlib.import_module(f"{project.name}.train")

    policy = keras.config.dtype_policy()
    yield load
    keras.config.set_dtype_policy(policy)
