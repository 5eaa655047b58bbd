"""Finds the implementation that `--against` names: a file or a git revision."""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ...errors import SpecError
from ...header import parse_header
from ...regular_files import read, shown
from ...spec import Spec
from ..request import SOURCES, Request, VerifyError, parse_target
from .git_revision import Revision, export, find_revision


class Implementation(NamedTuple):
    """Another implementation of the class under test.

    Attributes:
        request: How to run it.
        label: Its name in texts, such as `old.py` or `HEAD~1`.
        moved: The folder of the repository and of its export, if it is a revision.
        source: The name and the version of the file.
    """

    request: Request
    label: str
    moved: tuple[str, str] | None
    source: str


def is_recording(request: Request) -> bool:
    """Returns whether `--against` names recorded numbers."""
    return request.against.endswith(".json")


def find_implementation(request: Request, folder: Path) -> Implementation:
    """Finds what `--against` names. A file wins over a revision of that name.

    Args:
        request: The request. `against` names the implementation.
        folder: An empty folder for the files of a revision.

    Raises:
        KscaffoldError: If there is no such file and no such revision.
    """
    name = request.against
    path, _, class_name = name.rpartition(":")
    if os.path.isfile(name) or (path.endswith(SOURCES) and os.path.isfile(path)):
        path, class_name = parse_target(name)
        label = f"{shown(Path(path))}:{class_name}" if class_name else shown(Path(path))
        if os.path.samefile(path, request.path):
            label = f"{class_name or 'itself'} in {shown(Path(path))}"
        build = request.against_build or _build_in(path, request)
        old = replace(
            request, path=path, class_name=class_name or request.class_name, build=build
        )
        return Implementation(old, label, None, label)
    revision = find_revision(name, Path(request.path))
    class_name = class_name if class_name.isidentifier() and not revision else ""
    if class_name:
        revision = find_revision(path, Path(request.path))
    if revision is None:
        raise VerifyError(
            f"--against {shown(Path(name))}: no such file, and no such git revision in "
            f"the repository of {shown(Path(request.path))}.",
            "Name FILE.py, FILE.py:CLASS, a recording FILE.json, or a revision such as "
            "HEAD.",
            code="reference-missing",
        )
    export(revision, folder)
    old = replace(
        request,
        path=str(folder / revision.path),
        class_name=class_name or request.class_name,
        build=request.against_build or _build_at(revision, folder, request),
    )
    source = f"{revision.path} of {revision.name} (commit {revision.commit[:10]})"
    return Implementation(old, revision.name, (revision.root, str(folder)), source)


def _build_in(path: str, request: Request) -> str:
    """Returns `--build` for another file: its own function, if the file has one."""
    where, _, function = request.build.rpartition(":")
    if where and os.path.exists(where) and os.path.samefile(where, request.path):
        return f"{path}:{function}"
    return request.build


def _build_at(revision: Revision, folder: Path, request: Request) -> str:
    """Returns `--build` for a revision: the function in the exported file."""
    where, _, function = request.build.rpartition(":")
    if not where.endswith(SOURCES):
        return request.build  # a module: its name stays the same
    inside = os.path.relpath(os.path.realpath(where), os.path.realpath(revision.root))
    exported = folder / inside
    return f"{exported}:{function}" if exported.is_file() else request.build


def share_header(new: Request, old: Request) -> tuple[Request, Request]:
    """Gives both the loss and the metrics of a header that only one file has."""
    specs = [_spec(request) for request in (new, old)]
    if new.loss or new.metrics or new.build or (specs[0] is None) == (specs[1] is None):
        return new, old
    objective = next(spec for spec in specs if spec is not None).objective
    names = {
        "loss": objective.loss.alias,
        "metrics": tuple(metric.alias for metric in objective.metrics),
    }
    return tuple(
        replace(request, **names) if spec is None else request
        for request, spec in zip((new, old), specs, strict=True)
    )


def _spec(request: Request) -> Spec | None:
    """Returns the options in the header of a file, if they describe its class."""
    text = (read(Path(request.path)) or b"").decode("utf-8", "replace")
    try:
        header = parse_header(text)
    except SpecError:
        return None  # the worker reports it
    if header and header.spec.class_name == (
        request.class_name or header.spec.class_name
    ):
        return header.spec
    return None
