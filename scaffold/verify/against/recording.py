"""Writes the numbers of a class to a file, and reads them."""

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ... import __version__
from ...errors import WriteError
from ...regular_files import MOST_BYTES, as_argument, read, shown
from ...rendering import RenderedFile
from ...writing import check_writable, write
from ..request import Request, VerifyError

#: The first key of a recording. Its value is the version of this format.
MARK, FORMAT = "kscaffold recording", 1

#: The fields of a recording, and of a check in it.
FIELDS = {"versions": dict, "class": str, "options": dict, "checks": dict}
CHECK = {"group": str, "values": dict, "names": dict, "noise": dict}

HINT = "Record the numbers with `kscaffold verify FILE.py --record FILE.json`."


def versions() -> dict[str, str]:
    """Returns the versions that numbers may depend on."""
    found = {"kscaffold": __version__}
    for name in ("keras", "jax", "jaxlib", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    found["python"] = platform.python_version()
    found["platform"] = f"{sys.platform} {platform.machine()}"
    found["device"] = os.environ.get("JAX_PLATFORMS") or "cpu"
    return found


def check_target(path: Path) -> None:
    """Checks that a recording can be written, before anything is run.

    Raises:
        KscaffoldError: If the path is another file than a recording.
    """
    if path.suffix != ".json":
        raise VerifyError(
            f"--record {shown(path)}: a recording needs the suffix .json.",
            "Name a file such as golden.json.",
            code="option-invalid",
        )
    check_writable([path], force=True)
    if read(path) is not None:
        try:
            load(path)
        except VerifyError as error:
            raise WriteError(
                f"{shown(path)} exists, and is not a recording of kscaffold.",
                "Name another file, or remove it.",
                code="file-exists",
            ) from error


def save(path: Path, request: Request, checks: dict[str, dict]) -> None:
    """Writes a recording. It replaces another recording.

    Args:
        path: The file.
        request: The request that was measured.
        checks: The fields of `CHECK` for the name of each check.

    Raises:
        KscaffoldError: If it cannot be written, or is too large to be read.
    """
    data = {
        MARK: FORMAT,
        "versions": versions(),
        "class": request.class_name,
        "options": _options(request),
        "checks": checks,
    }
    text = json.dumps(data, indent=1) + "\n"
    if len(text) > MOST_BYTES:
        raise WriteError(
            f"The recording has more than {MOST_BYTES // 10**6} MB.",
            "Record fewer checks with --only or --quick, or a smaller model.",
            code="file-too-large",
        )
    check_target(path)
    write([RenderedFile(path, text)], force=True)


def load(path: Path) -> dict:
    """Reads a recording, and checks its structure.

    Raises:
        KscaffoldError: If there is no such file, or if it is not a recording.
    """
    content = read(path)
    if content is None:
        raise VerifyError(
            f"{shown(path)}: No such file or directory.", HINT, code="reference-missing"
        )
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it nests too deeply"
        raise VerifyError(
            f"{shown(path)} is not valid JSON: {reason}.",
            HINT,
            code="recording-invalid",
        ) from error
    if not isinstance(data, dict) or MARK not in data:
        raise VerifyError(
            f"{shown(path)} is not a recording of kscaffold.",
            HINT,
            code="recording-invalid",
        )
    if data[MARK] != FORMAT:
        raise VerifyError(
            f"{shown(path)} has another format than this version of kscaffold.",
            "Record the numbers again, or use the version of kscaffold that wrote it.",
            code="recording-invalid",
        )
    checks = data.get("checks")
    if not _has_fields(data, FIELDS) or not all(
        isinstance(check, dict) and _has_fields(check, CHECK)
        for check in checks.values()
    ):
        raise damaged(path)
    return data


def damaged(path: Path) -> VerifyError:
    """Returns the error about a recording that was changed or cut."""
    return VerifyError(
        f"{shown(path)} is a damaged recording.",
        "Record it again.",
        code="recording-invalid",
    )


def check_options(path: Path, data: dict, request: Request) -> None:
    """Checks that a request has the options that were recorded.

    Raises:
        VerifyError: If it has others, which would give other numbers.
    """
    for name, now in _options(request).items():
        before = data["options"].get(name)
        if before != now:
            flag = {"metrics": "--metric"}.get(name, f"--{name.replace('_', '-')}")
            raise VerifyError(
                f"{shown(path)} was recorded with {_typed(flag, before)}, and this run "
                f"has {_typed(flag, now)}.",
                "Give the same options, or record again with "
                f"`--record {as_argument(path)}`.",
                code="recording-invalid",
            )


def _typed(flag: str, value: object) -> str:
    """Returns an option as it is typed."""
    if not value:
        return f"no {flag}"
    values = value if isinstance(value, list) else [value]
    return " ".join(f"{flag} {str(v)[:60]}" for v in values)


def other_versions(data: dict) -> str:
    """Describes which versions differ from the recorded ones. Empty if none does."""
    now, before = versions(), data["versions"]
    changed = [
        f"{name} {str(before.get(name, 'unknown'))[:40]} instead of {value}"
        for name, value in now.items()
        if before.get(name) != value
    ]
    return ", ".join(changed)


def _options(request: Request) -> dict:
    """Returns the options that change the numbers."""
    return {
        "loss": request.loss or "",
        "metrics": [*request.metrics],
        # The file may be named from another folder.
        "build": request.build.rpartition(":")[2],
        "batch_size": request.batch_size,
    }


def _has_fields(data: dict, fields: dict[str, type]) -> bool:
    return all(isinstance(data.get(name), kind) for name, kind in fields.items())
