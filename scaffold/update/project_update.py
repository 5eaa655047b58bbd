"""The update of a project."""

from pathlib import Path

from ..errors import RecordError
from ..formatting import black_mode, mode_settings
from ..header import parse_command, parse_header
from ..pyproject_table import HEADING, SETTINGS, table
from ..record import LINE as RECORD
from ..record import MARK, Record
from ..rendering import project_texts
from ..writing import shown
from .block_merge import Merge, merge
from .merge_base import decoded
from .module_merge import labels, neutral
from .module_update import RequestedOptions, update_module
from .option_changes import OptionChanges
from .project_bases import bases_in, read_pyproject, recorded_bases
from .project_files import locate
from .pyproject_update import update_pyproject
from .update_plan import FileUpdate, UpdatePlan
from .user_file import UserFile


def plan_project(
    folder: Path, change: OptionChanges, base: Path | None = None
) -> UpdatePlan:
    """Plans the update of a project.

    Args:
        folder: The project.
        change: The options that change.
        base: A folder with the project as it was generated, in place of its records.

    Returns:
        The plan. A file that the user moved is updated where it is now; one that the
        user removed stays away.

    Raises:
        RecordError: If the texts as they were generated cannot be found out.
        SpecError: If the options do not fit together.
        MergeError: If a file cannot be merged as it is.
        WriteError: If one cannot be read.
    """
    settings, section = read_pyproject(folder)
    if base is not None:
        _, section = read_pyproject(base)
    target, old = parse_command(section["command"])
    package = Path(target).name
    if base is None:
        bases = recorded_bases(folder, section)
    else:
        bases = bases_in(base, old, package)
    model = f"{package}/model.py"
    if model not in bases or parse_header(bases[model].text).spec != old:
        raise RecordError(
            f"The command in {HEADING} of {shown(settings.path)} was edited: it is not "
            "the one that made the project.",
            "Put it back; to change options, name them: kscaffold update --help.",
        )
    sources = locate(folder, bases)
    for word in RECORD.findall(sources[model].text) if base is None else ():
        name = shown(sources[model].path)
        decoded(word, f"The line {MARK}... of {name}", sources[model].path.name)
    request = RequestedOptions.of(change, old, bases[model].text, sources[model].text)
    generated = project_texts(request.spec, package)
    as_was = generated
    if request.changes_form:
        as_was = project_texts(request.as_was, package)
    files, records = [], {}
    for path in sorted({*bases, *generated} - {SETTINGS}):
        source = sources.get(path) or UserFile.read(folder / path)
        update, record = _update(
            source, bases.get(path), as_was.get(path), generated.get(path), request
        )
        files.append(update)
        if record:
            records[path] = record
    # Last: while it is the old one, an update that was killed can be done again.
    records[SETTINGS] = generated[SETTINGS]
    records = {path: records[path] for path in generated}
    command = request.spec.command(package)
    content = table(command, {path: record.word for path, record in records.items()})
    settings = update_pyproject(
        settings, bases[SETTINGS].text, generated[SETTINGS].text, content, request.spec
    )
    return UpdatePlan(str(folder), command, request.spec, (*files, settings))


def _update(
    source: UserFile,
    base: Record | None,
    as_was: Record | None,
    new: Record | None,
    request: RequestedOptions,
) -> tuple[FileUpdate, Record | None]:
    """Returns what becomes of a file of a project, and its new base if it has one."""
    if new is None:
        return _dropped(source, base), None
    if source.content is None:
        return _absent(source, base, new), new
    base = base or Record("", new.styles)
    if source.path.suffix == ".py":
        settings = mode_settings(black_mode(source.path))
        new_form = new if request.changes_form else None
        return update_module(source, base, as_was, request, settings, new_form)
    merged = _merged(source, base, request, new)
    text = source.encoded(merged.text)
    return FileUpdate(source.path, source.content, text, merged.conflicts), new


def _merged(
    source: UserFile, base: Record, request: RequestedOptions, new: Record
) -> Merge:
    """Merges a file that is not Python, but may have the name of the class in it."""
    text = base.text
    if request.generated_name not in source.text:
        text = text.replace(request.generated_name, request.spec.class_name)
    return merge(text, source.text, new.text, labels(request.spec))


def _dropped(source: UserFile, base: Record) -> FileUpdate:
    """Removes a file that is not generated any more, if nobody edited it."""
    if source.content is None or neutral(source.text) == neutral(base.text):
        return FileUpdate(source.path, source.content, None)
    kept = "the update removes it, but you edited it: it stays"
    text = source.content.decode()
    return FileUpdate(source.path, source.content, text, problems=(kept,))


def _absent(source: UserFile, base: Record | None, new: Record) -> FileUpdate:
    """Adds a file, or leaves it away that the user removed."""
    if base is None:
        return FileUpdate(source.path, None, new.put_into(new.text))
    changed = neutral(base.text) != neutral(new.text)
    away = "you removed it, but the update changes it: it stays away"
    return FileUpdate(source.path, None, None, problems=(away,) if changed else ())
