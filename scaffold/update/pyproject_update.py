"""Plans the update of a project's `pyproject.toml`."""

from ..errors import RecordError
from ..pyproject_table import HEADING, holds_table, with_table, with_values
from ..regular_files import shown
from ..spec import Spec
from .block_merge import merge
from .module_merge import labels
from .update_plan import FileUpdate
from .user_file import UserFile


def update_pyproject(
    settings: UserFile, base: str, new: str, content: dict, spec: Spec
) -> FileUpdate:
    """Merges `pyproject.toml`, and changes the values in kscaffold's table.

    Args:
        settings: The user's file.
        base: The text as it was generated, with the heading of the table alone.
        new: The text as it is generated now, in the same form.
        content: The new content of the table.
        spec: The new options.

    Returns:
        The update of the file.

    Raises:
        RecordError: If the table is in a form that cannot be edited.
    """
    try:
        ours = with_values(settings.text, content)
    # The library for TOML raises errors of these kinds.
    except (RecordError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise RecordError(
            f"{shown(settings.path)}: {error}.",
            f"Write the section as `kscaffold new` does, with the headings {HEADING} "
            "and [tool.kscaffold.base].",
        ) from error
    # All sides have the new table, so that no change of it is merged.
    base, new = with_table(base, content), with_table(new, content)
    merged = merge(base, ours, new, labels(spec))
    problems = ()
    if not merged.conflicts and not holds_table(merged.text, content):
        problems = ("the merged file is not valid TOML",)
    text = settings.encoded(merged.text)
    return FileUpdate(settings.path, settings.content, text, merged.conflicts, problems)
