"""Plans the update of a project."""

from pathlib import Path

from ..errors import RecordError
from ..formatting import black_mode, mode_settings
from ..header import parse_header
from ..pyproject_table import HEADING, SETTINGS, table
from ..record import LINE as RECORD
from ..record import MARK, Record
from ..regular_files import shown
from ..rendering import project_texts
from .block_merge import Merge, merge
from .merge_base import decoded
from .module_merge import labels, neutral
from .module_update import RequestedOptions, update_module
from .option_changes import OptionChanges
from .project_bases import bases_in, read_pyproject, recorded_bases
from .project_files import locate
from .pyproject_update import update_pyproject
from .recorded_paths import check_paths, read_command
from .update_plan import FileUpdate, UpdatePlan
from .user_file import UserFile


def plan_project(
    folder: Path, change: OptionChanges, base: Path | None = None
) -> UpdatePlan:
    """Plans the update of a project.

    Args:
        folder: The project.
        change: The options that change.
        base: A folder with the project as it was generated, which replaces the records.

    Returns:
        The plan. Files that the user moved are updated in their new place. Files that
        the user removed stay removed.

    Raises:
        RecordError: If the merge bases cannot be found.
        SpecError: If options contradict each other.
        MergeError: If a file cannot be merged in its current state.
        WriteError: If a file cannot be read.
    """
    settings, section = read_pyproject(folder)
    if base is not None:
        _, section = read_pyproject(base)
    package, old = read_command(folder if base is None else base, section)
    check_paths(folder, section["base"], package, old)
    if base is None:
        bases = recorded_bases(folder, section)
    else:
        bases = bases_in(base, old, package)
    model = f"{package}/model.py"
    header = parse_header(bases[model].text) if model in bases else None
    if header is None or header.spec != old:
        raise RecordError(
            f"The command in {HEADING} of {shown(settings.path)} was edited: it is not "
            "the command that made the project.",
            "Restore it, and pass the options to `kscaffold update` instead.",
            code="command-edited",
        )
    user_files = locate(folder, bases)
    for word in RECORD.findall(user_files[model].text) if base is None else ():
        name = shown(user_files[model].path)
        decoded(word, f"The line {MARK}... of {name}", user_files[model].path.name)
    request = RequestedOptions.of(
        change, old, bases[model].text, user_files[model].text
    )
    generated = project_texts(request.spec, package)
    as_was = generated
    if request.changes_form:
        as_was = project_texts(request.as_was, package)
    files, records = [], {}
    for path in sorted({*bases, *generated} - {SETTINGS}):
        file = user_files.get(path) or UserFile.read(folder / path)
        update, record = _update(
            file,
            bases.get(path),
            as_was.get(path),
            generated.get(path),
            request,
            moved=file.path != folder / path,
        )
        files.append(update)
        if record:
            records[path] = record
    # This file is written last, so that an update that was killed can be repeated.
    records[SETTINGS] = generated[SETTINGS]
    records = {path: records[path] for path in generated}
    command = request.spec.command(package)
    content = table(command, {path: record.word for path, record in records.items()})
    settings = update_pyproject(
        settings, bases[SETTINGS].text, generated[SETTINGS].text, content, request.spec
    )
    return UpdatePlan(str(folder), command, request.spec, (*files, settings))


def _update(
    file: UserFile,
    base: Record | None,
    as_was: Record | None,
    new: Record | None,
    request: RequestedOptions,
    moved: bool,
) -> tuple[FileUpdate, Record | None]:
    """Plans the update of one file.

    Args:
        file: The user's file.
        base: Its merge base, or `None` if the file is new.
        as_was: The text as it is generated now, in the old style.
        new: The text as it is generated now, or `None` if it is no longer generated.
        request: The new options, and the names of the class.
        moved: Whether the user's file is not where it was generated.

    Returns:
        The update, and the new merge base or `None`.
    """
    if new is None:
        return _dropped(file, base, moved), None
    if file.content is None:
        return _absent(file, base, new), new
    base = base or Record("", new.styles)
    if file.path.suffix == ".py":
        settings = mode_settings(black_mode(file.path))
        new_form = new if request.changes_form else None
        return update_module(file, base, as_was, request, settings, new_form)
    merged = _merged(file, base, request, new)
    text = file.encoded(merged.text)
    return FileUpdate(file.path, file.content, text, merged.conflicts), new


def _merged(
    file: UserFile, base: Record, request: RequestedOptions, new: Record
) -> Merge:
    """Merges a file that is not Python, but may contain the name of the class."""
    text = base.text
    if request.generated_name not in file.text:
        text = text.replace(request.generated_name, request.spec.class_name)
    return merge(text, file.text, new.text, labels(request.spec))


def _dropped(file: UserFile, base: Record, moved: bool) -> FileUpdate:
    """Removes a file that is no longer generated, unless the user changed it."""
    same = neutral(file.text) == neutral(base.text)
    if file.content is None or (same and not moved):
        return FileUpdate(file.path, file.content, None)
    done = "moved" if same else "edited"
    kept = f"kscaffold no longer generates this file; it stays because you {done} it"
    text = file.content.decode()
    return FileUpdate(file.path, file.content, text, problems=(kept,))


def _absent(file: UserFile, base: Record | None, new: Record) -> FileUpdate:
    """Adds a new file. A file that the user removed stays removed."""
    if base is None:
        return FileUpdate(file.path, None, new.put_into(new.text))
    changed = neutral(base.text) != neutral(new.text)
    away = "you removed this file, so the update could not change it"
    return FileUpdate(file.path, None, None, problems=(away,) if changed else ())
