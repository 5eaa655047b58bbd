"""Leaves to CI what the everyday run has no time for."""

import pytest

#: What pytest takes every day of each recipe; CI takes all.
DAILY = (
    "test_five_steps_equal_a_plain_loop",
    "test_import",
    "test_file_length",
    "test_algorithm_comes_first",
    "test_every_option_changes_the_code",
    "test_every_recipe_is_here",
)


def pytest_collection_modifyitems(items):
    """Marks the tests of this folder that are not for every day."""
    for item in items:
        if item.path.parent.name == "recipes" and not item.name.startswith(DAILY):
            item.add_marker(pytest.mark.exhaustive)
