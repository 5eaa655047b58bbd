"""Black: the only module that imports it."""

import os
import tomllib
from dataclasses import fields
from pathlib import Path

import black
import click

from .errors import ConfigError


def black_mode(
    target: Path | None,
    line_length: int | None = None,
    target_version: tuple[str, ...] = (),
) -> black.Mode:
    """Finds the settings with which Black formats a file.

    Black itself finds and checks the `[tool.black]` of the target's project.

    Args:
        target: The file, which need not exist; `None` for Black's defaults.
        line_length: Takes the place of the setting, if not `None`.
        target_version: Takes the place of the setting, if not empty.

    Returns:
        Black's mode.

    Raises:
        ConfigError: If the settings cannot be read or Black refuses them.
    """
    if target is None:
        arguments = ["--config", os.devnull]
    else:
        target = target.absolute()
        arguments = ["--stdin-filename", str(target)]
    if line_length is not None:
        arguments += ["--line-length", str(line_length)]
    for version in target_version:
        arguments += ["--target-version", version]
    try:
        with black.main.make_context("black", [*arguments, "-"]) as context:
            settings = context.params
    # Black shows a traceback for some broken files: these are its exceptions.
    except (
        click.ClickException,
        OSError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:
        clickish = isinstance(error, click.ClickException)
        reason = error.format_message() if clickish else error
        option = getattr(error, "param", None)
        if target_version and option and option.name == "target_version":
            raise ConfigError(
                f"Black {black.__version__} does not know all of these versions: "
                f"{', '.join(target_version)}.",
                "Leave out the newest --target-version, or install a newer Black.",
            ) from error
        raise ConfigError(
            f"Black cannot use {_settings_file(target)}: {reason}",
            "Mend its [tool.black] section; Black refuses it as well.",
        ) from error
    required = settings["required_version"]
    if required and required not in (
        black.__version__,
        black.__version__.split(".")[0],
    ):
        raise ConfigError(
            f"{_settings_file(target)} requires Black {required}, but Black "
            f"{black.__version__} is installed beside kscaffold.",
            f"Install it: pip install 'black=={required}'.",
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
    """Returns the settings of a mode that are not Black's defaults, for JSON.

    The target versions are left out: they are a matter of the project, and change
    nothing in the form of what kscaffold writes.
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
    """Returns the mode with settings that `mode_settings()` returned.

    Raises:
        ConfigError: If the Black that is installed does not know them.
    """
    try:
        features = {black.Preview[f] for f in settings.get("enabled_features", ())}
        return black.Mode(
            **{**settings, "enabled_features": features},
            target_versions=set(target_versions),
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"Black {black.__version__} does not know a setting that the file was "
            f"formatted with: {error}.",
            "Install the Black that formatted it.",
        ) from error


def _settings_file(target: Path) -> str:
    """Names the file with Black's settings for a target, or the one that is broken."""
    for file in (folder / "pyproject.toml" for folder in target.parents):
        try:
            if "black" in tomllib.loads(file.read_text("utf-8"))["tool"]:
                return str(file)
        except (FileNotFoundError, NotADirectoryError, KeyError):
            continue
        except (OSError, ValueError, TypeError):
            return str(file)
    return "its settings"


def format_source(source: str, mode: black.Mode, lines=()) -> str:
    """Formats Python source.

    Args:
        source: The source.
        mode: Black's settings.
        lines: Pairs of first and last line, from 1, of the parts to format; all if
            there are none.

    Raises:
        ValueError: If it is not Python; Black quotes the line.
    """
    return black.format_str(source, mode=mode, lines=lines)
