"""Plans the update of a module or a notebook."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..errors import RecordError, SpecError
from ..formatting import black_mode, mode_of, mode_settings
from ..header import parse_header
from ..record import MARK, Record
from ..regular_files import shown
from ..rendering import generated_text
from ..spec import Spec
from ..target_names import is_notebook, is_project
from .black_style import in_style, styles_of
from .class_rename import class_name_in, renamed
from .merge_base import check_version, read_base, with_place
from .merge_problems import problems
from .module_merge import merge_module, neutral
from .notebook_file import existing_file
from .option_changes import OptionChanges
from .update_plan import FileUpdate, UpdatePlan
from .user_file import UserFile


@dataclass(frozen=True)
class RequestedOptions:
    """The options of a module after an update, and the names of its class.

    Attributes:
        spec: The new options.
        generated_name: The name of the class as it was generated.
        current_name: The name of the class in the user's file.
        as_was: `spec` with the old style of the code.
    """

    spec: Spec
    generated_name: str
    current_name: str
    as_was: Spec

    @classmethod
    def of(
        cls, change: OptionChanges, old: Spec, base: str, ours: str
    ) -> "RequestedOptions":
        """Applies changes of options to a file.

        Args:
            change: The options that change.
            old: The options as they were.
            base: The module with the class as it was generated.
            ours: The user's module.

        Raises:
            SpecError: If options contradict each other, or if the module already
                uses the new name of the class.
        """
        name = class_name_in(ours, base, old.class_name)
        spec = change.applied(old)
        if not change.concerns("class_name"):
            # The class keeps the name that the user gave it.
            spec = replace(spec, class_name=name)
        elif spec.class_name != name and renamed(ours, spec.class_name, "") != ours:
            raise SpecError(
                f"The module already uses the name {spec.class_name}.",
                "Choose another --class-name.",
                code="options-conflict",
            )
        form = {o.name: getattr(old, o.name) for o in old.options if o.form}
        as_was = replace(spec, **form)
        return cls(spec, old.class_name, name, as_was)

    @property
    def changes_form(self) -> bool:
        """Whether the style of the code changes."""
        return self.spec != self.as_was


def plan_module(
    path: Path, change: OptionChanges, base: Path | None = None
) -> UpdatePlan:
    """Plans the update of a module or a notebook.

    Args:
        path: The file.
        change: The options that change.
        base: A file with the text as it was generated, which replaces the record.

    Returns:
        The plan, with one file.

    Raises:
        RecordError: If the text as it was generated cannot be found.
        SpecError: If options contradict each other.
        MergeError: If the file cannot be merged in its current state.
        WriteError: If the file cannot be read.
    """
    file = existing_file(path)
    record = read_base(file, base)
    header = parse_header(record.text)
    check_version(shown(path), header.version)
    if is_project(header.target):
        raise RecordError(
            f"The first line of {shown(path)} has the command of a project.",
            "Restore the file from version control.",
        )
    if is_notebook(header.target) != is_notebook(str(path)):
        raise RecordError(
            f"{shown(path)} has the record of a file of another kind, "
            f"{header.target}.",
            "Restore the file from version control.",
        )
    request = RequestedOptions.of(change, header.spec, record.text, file.text)
    spec = request.spec
    current = black_mode(path, spec.line_length, spec.target_version)

    def generated(spec, settings):
        mode = mode_of(settings, current.target_versions)
        return Record(generated_text(spec, header.target, mode), (settings,))

    theirs = generated(request.as_was, record.styles[0])
    new_form = None
    if request.changes_form:
        new_form = generated(spec, mode_settings(current))
    update, _ = update_module(
        file, record, theirs, request, mode_settings(current), new_form
    )
    return UpdatePlan(str(path), spec.command(header.target), spec, (update,))


def update_module(
    file: UserFile,
    base: Record,
    theirs: Record,
    request: RequestedOptions,
    settings: dict,
    new_form: Record | None = None,
) -> tuple[FileUpdate, Record]:
    """Merges a user's module with the text as it is generated now.

    Args:
        file: The user's module.
        base: The text as it was generated.
        theirs: The text as it is generated now, in the first style of the base.
        request: The new options, and the names of the class.
        settings: Black's current settings for the file.
        new_form: The text as it is generated now in a new style, if the style changes.

    Returns:
        The update of the file, and its new merge base.
    """
    ours = renamed(file.text, request.current_name, request.spec.class_name)
    old = renamed(base.text, request.generated_name, request.spec.class_name)
    if old != base.text:
        old = in_style(old, base.styles[-1])
    new, styles = theirs.text, base.styles
    for style in styles[1:]:
        new = in_style(new, style)
    if new_form or neutral(new) != neutral(old):
        # Something changes: merge in the style of the user's file.
        styles = styles_of(neutral(old), neutral(ours), styles, settings)
        for style in styles[len(base.styles) :]:
            old, new = in_style(old, style), in_style(new, style)
    if MARK in new:
        # Older modules have no place for a record.
        ours = with_place(ours)
    kept = partial(file.without_deleted, base=old)
    form = new_form and (kept(new_form.text), new_form.styles[0])
    merged = merge_module(kept(old), ours, kept(new), request.spec, styles[-1], form)
    record = new_form or Record(new, styles)
    text = record.put_into(merged.text)
    found = () if merged.conflicts else problems(ours, text, record.text)
    update = FileUpdate(
        file.path,
        file.content,
        file.encoded(text),
        *file.located(text, merged.conflicts, found),
    )
    return update, record
