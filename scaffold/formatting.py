"""Formats source with Black. No other module imports Black."""

import os
import shlex
from dataclasses import fields
from pathlib import Path

import black
import click

from .errors import ConfigError, KscaffoldError
from .pyproject_table import SETTINGS, check_complexity, loads
from .regular_files import file_errors, read, shown


def black_mode(
    target: Path | None,
    line_length: int | None = None,
    target_version: tuple[str, ...] = (),
) -> black.Mode:
    """Returns the mode in which Black formats a file.

    Black itself finds and checks `[tool.black]` of the project that the file is in.

    Args:
        target: The file, which need not exist. `None` for Black's defaults.
        line_length: Overrides the setting, unless it is `None`.
        target_version: Overrides the setting, unless it is empty.

    Returns:
        A `black.Mode`.

    Raises:
        ConfigError: If the settings cannot be read, or Black rejects them.
    """
    if target is None:
        arguments = ["--config", os.devnull]
    else:
        target = target.absolute()
        _check_settings(target)
        arguments = ["--stdin-filename", str(target)]
    if line_length is not None:
        arguments += ["--line-length", str(line_length)]
    for version in target_version:
        arguments += ["--target-version", version]
    try:
        with black.main.make_context("black", [*arguments, "-"]) as context:
            settings = context.params
    # Black raises the last four for some broken files.
    except (
        click.ClickException,
        OSError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,  # too many levels of arrays, or of links
    ) as error:
        clickish = isinstance(error, click.ClickException)
        reason = error.format_message() if clickish else error
        option = getattr(error, "param", None)
        if target_version and option and option.name == "target_version":
            raise ConfigError(
                f"Black {black.__version__} does not know all of these versions: "
                f"{', '.join(target_version)}.",
                "Drop the newest --target-version, or install a newer Black.",
            ) from error
        raise ConfigError(
            f"Black cannot use {_settings_file(target)}: {reason}",
            "Fix the [tool.black] section. Black rejects it as well.",
        ) from error
    required = settings["required_version"]
    if required and required not in (
        black.__version__,
        black.__version__.split(".")[0],
    ):
        raise ConfigError(
            f"{_settings_file(target)} requires Black {required}, but Black "
            f"{black.__version__} is installed.",
            f"Run: pip install {shlex.quote(f'black=={required}')}",
        )
    if settings["line_length"] < 1:
        raise ConfigError(
            f"{_settings_file(target)} sets the line length "
            f"{settings['line_length']}.",
            "Set line-length in [tool.black] to at least 1.",
        )
    return black.Mode(
        target_versions=set(settings["target_version"]),
        line_length=settings["line_length"],
        string_normalization=not settings["skip_string_normalization"],
        magic_trailing_comma=not settings["skip_magic_trailing_comma"],
        is_pyi=settings["pyi"],
        skip_source_first_line=settings["skip_source_first_line"],
        preview=settings["preview"],
        unstable=settings["unstable"],
        enabled_features=set(settings["enable_unstable_feature"]),
    )


def mode_settings(mode: black.Mode) -> dict:
    """Returns the settings of a mode that differ from Black's defaults, for JSON.

    Target versions are left out. They do not change the format of generated files.
    """
    default = black.Mode()
    settings = {
        item.name: getattr(mode, item.name)
        for item in fields(mode)
        if getattr(mode, item.name) != getattr(default, item.name)
    }
    settings.pop("target_versions", None)
    if "enabled_features" in settings:
        settings["enabled_features"] = sorted(f.name for f in mode.enabled_features)
    return settings


def mode_of(settings: dict, target_versions=()) -> black.Mode:
    """Returns the mode with the settings that `mode_settings()` returned.

    Raises:
        ConfigError: If the installed Black does not know a setting.
    """
    try:
        features = {black.Preview[f] for f in settings.get("enabled_features", ())}
        return black.Mode(
            **{**settings, "enabled_features": features},
            target_versions=set(target_versions),
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"The file was formatted with a setting that Black {black.__version__} "
            f"does not know: {error}.",
            "Install the version of Black that formatted it.",
        ) from error


def _check_settings(target: Path) -> None:
    """Checks the files in which Black looks for settings, before Black reads them.

    Raises:
        ConfigError: If one is so large or complex that Black could take all memory.
    """
    for file in (folder / SETTINGS for folder in target.parents):
        try:
            check_complexity(_text_of(file))
        except KscaffoldError as error:
            reason = error.message.rstrip(".")
            raise ConfigError(
                f"Black cannot use {shown(file)}: {reason}.", error.hint
            ) from error


def _settings_file(target: Path | None) -> str:
    """Returns the name of the file with Black's settings for a target."""
    for file in (folder / SETTINGS for folder in target.parents) if target else ():
        try:
            if "black" in loads(_text_of(file)).get("tool", {}):
                return shown(file)
        except (KscaffoldError, TypeError, AttributeError):
            return shown(file)
    return "its settings"


def _text_of(file: Path) -> str:
    """Reads a file as UTF-8. It may not exist, or not be a file."""
    with file_errors(file, "read"):
        content = read(file) if file.is_file() else None
    return (content or b"").decode("utf-8", "replace")


def format_source(source: str, mode: black.Mode, lines=()) -> str:
    """Formats Python source.

    Args:
        source: The source.
        mode: Black's settings.
        lines: Ranges of lines to format, as pairs `(first, last)` that count from 1.
            Empty for the whole source.

    Raises:
        ValueError: If the source is not valid Python. The message quotes the line.
    """
    return black.format_str(source, mode=mode, lines=lines)
