"""The update of one module."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import SpecError
from ..formatting import black_mode, mode_of, mode_settings
from ..header import parse_header
from ..record import MARK, Record
from ..rendering import module_text
from ..spec import Spec
from ..writing import shown
from .black_style import in_style, styles_of
from .class_rename import class_name_in, renamed
from .merge_base import check_version, read_base, with_place
from .merge_problems import problems
from .module_merge import merge_module, neutral
from .option_changes import OptionChanges
from .update_plan import FileUpdate, UpdatePlan
from .user_file import UserFile


@dataclass(frozen=True)
class RequestedOptions:
    """What becomes of the options of a file, and of what the user did to all of it.

    Attributes:
        spec: The options from now on.
        generated_name: The name of the class as it was generated.
        current_name: The name that the user's file has for it.
        as_was: `spec`, but with the form of the code as it was; `spec` itself if the
            form does not change.
    """

    spec: Spec
    generated_name: str
    current_name: str
    as_was: Spec

    @classmethod
    def of(
        cls, change: OptionChanges, old: Spec, base: str, ours: str
    ) -> "RequestedOptions":
        """Finds out what a change means for a file.

        Args:
            change: The options that change.
            old: The options as they were.
            base: The module with the class, as it was generated.
            ours: The module that the user has.

        Raises:
            SpecError: If the options do not fit together, or if the new name of the
                class is taken.
        """
        name = class_name_in(ours, base, old.class_name)
        spec = change.applied(old)
        if not change.concerns("class_name"):
            # The user's name stays.
            spec = replace(spec, class_name=name)
        elif spec.class_name != name and renamed(ours, spec.class_name, "") != ours:
            raise SpecError(
                f"The module has a name {spec.class_name} already.",
                "Choose another --class-name.",
            )
        form = {o.name: getattr(old, o.name) for o in old.options if o.form}
        as_was = replace(spec, **form)
        return cls(spec, old.class_name, name, as_was)

    @property
    def changes_form(self) -> bool:
        """Whether the form of the code is to be another."""
        return self.spec != self.as_was


def plan_module(
    path: Path, change: OptionChanges, base: Path | None = None
) -> UpdatePlan:
    """Plans the update of a module.

    Args:
        path: The module.
        change: The options that change.
        base: A file with its text as it was generated, in place of its record.

    Returns:
        The plan, with one file.

    Raises:
        RecordError: If the text as it was generated cannot be found out.
        SpecError: If the options do not fit together.
        MergeError: If the file cannot be merged as it is.
        WriteError: If it cannot be read.
    """
    source = UserFile.existing(path)
    record = read_base(source, base)
    header = parse_header(record.text)
    check_version(shown(path), header.version)
    request = RequestedOptions.of(change, header.spec, record.text, source.text)
    spec = request.spec
    current = black_mode(path, spec.line_length, spec.target_version)

    def generated(spec, settings):
        mode = mode_of(settings, current.target_versions)
        return Record(module_text(spec, header.target, mode), (settings,))

    theirs = generated(request.as_was, record.styles[0])
    new_form = None
    if request.changes_form:
        new_form = generated(spec, mode_settings(current))
    update, _ = update_module(
        source, record, theirs, request, mode_settings(current), new_form
    )
    return UpdatePlan(str(path), spec.command(header.target), spec, (update,))


def update_module(
    source: UserFile,
    base: Record,
    theirs: Record,
    request: RequestedOptions,
    settings: dict,
    new_form: Record | None = None,
) -> tuple[FileUpdate, Record]:
    """Merges a module of the user's with what is generated now.

    Args:
        source: The user's module.
        base: The text as it was generated.
        theirs: What is generated now, in the first style of the base.
        request: The options, and what else concerns all of the file.
        settings: Black's settings for the file now.
        new_form: What is generated now in another style, if the file is to have it.

    Returns:
        What becomes of the file, and the new base.
    """
    ours = renamed(source.text, request.current_name, request.spec.class_name)
    old = renamed(base.text, request.generated_name, request.spec.class_name)
    if old != base.text:
        old = in_style(old, base.styles[-1])
    new, styles = theirs.text, base.styles
    for style in styles[1:]:
        new = in_style(new, style)
    if new_form or neutral(new) != neutral(old):
        # There is something to merge: in the form that the user's file has.
        styles = styles_of(neutral(old), neutral(ours), styles, settings)
        for style in styles[len(base.styles) :]:
            old, new = in_style(old, style), in_style(new, style)
    if MARK in new:
        # Older modules have no place for a record.
        ours = with_place(ours)
    form = new_form and (new_form.text, new_form.styles[0])
    merged = merge_module(old, ours, new, request.spec, styles[-1], form)
    record = new_form or Record(new, styles)
    text = record.put_into(merged.text)
    update = FileUpdate(
        source.path,
        source.content,
        source.encoded(text),
        merged.conflicts,
        () if merged.conflicts else problems(ours, text, record.text),
    )
    return update, record
