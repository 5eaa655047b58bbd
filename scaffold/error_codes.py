"""The codes of errors, which programs read in the output of `--json`.

A code never changes its meaning. Messages may change.
"""

import click

#: What each code means. `docs/programs.md` has a table of them.
CODES = {
    "backend-unsupported": "`KERAS_BACKEND` selects another backend than JAX.",
    "base-invalid": "The file of `--base` is not the text as it was generated.",
    "build-invalid": "The function of `--build` fails, or does not return the model.",
    "build-missing": "The class needs `--build`, a function that builds the model.",
    "check-unknown": "No check matches `--only` and `--quick`.",
    "checks-inapplicable": "No selected check applies to the class.",
    "class-ambiguous": "The file has several classes, so name one: `FILE:CLASS`.",
    "class-unknown": "The file has no such subclass of `keras.Model`.",
    "command-edited": "The command in the header or in `pyproject.toml` was edited.",
    "command-unknown": "kscaffold has no such command.",
    "conflicts-unresolved": "The file has conflict markers of an earlier update.",
    "error": "Another error.",
    "file-changed": "Another program changed the file during the update.",
    "file-exists": "The file exists. `new --force` overwrites it.",
    "file-in-project": "The file belongs to a project. Update the project instead.",
    "file-inaccessible": "The operating system refuses to read or write the file.",
    "file-locked": "Another command is changing the file or the project.",
    "file-missing": "The file does not exist.",
    "file-not-regular": "The path is a folder, or no regular file.",
    "file-not-text": "The file is not UTF-8, or has a null byte.",
    "file-too-large": "The file is too large.",
    "folder-taken": "The folder of a new project has other files.",
    "folder-unusable": "The current folder does not exist.",
    "import-failed": "Importing the file raises an error, or takes too long.",
    "merge-conflict": "Edits conflict with a new style of the whole file.",
    "merge-failed": "The file cannot be merged.",
    "merge-tool-missing": "Merging needs Git or the package `merge3`.",
    "not-generated": "kscaffold did not generate the file or the folder.",
    "option-fixed": "The option cannot change once a file is generated.",
    "option-invalid": "The value of an option is not allowed.",
    "option-unknown": "The command or the recipe has no such option.",
    "options-conflict": "Two options contradict each other.",
    "package-missing": "Keras, JAX or another package is not installed.",
    "path-empty": "The path is an empty string.",
    "path-outside": "The path leads out of the project, through a link.",
    "project-unavailable": "There is no project with these options.",
    "record-invalid": "The record of the generated text is missing or damaged.",
    "recording-invalid": "The file of `--against` is no recording for this run.",
    "reference-missing": "The file or the Git revision of `--against` is missing.",
    "revision-invalid": "The Git revision of `--against` cannot be used.",
    "settings-invalid": "The `pyproject.toml`, or Black's settings in it, are invalid.",
    "source-invalid": "The file is not valid Python, or not a notebook.",
    "target-invalid": "The target is not a name that Python can import.",
    "template-broken": "A template of kscaffold is broken.",
    "terminal-missing": "`-i` asks questions, and standard input is no terminal.",
    "usage": "The arguments are incomplete, or do not fit together.",
    "verify-failed": "The step cannot be verified, for another reason.",
    "version-newer": "A newer version of kscaffold wrote the file.",
    "view-unknown": "The target has no such file for `--view`.",
    "weights-unpaired": "The weights of a port and its original do not match.",
}


class UnknownCommand(click.UsageError):
    """There is no such command."""


def usage_code(error: click.UsageError) -> str:
    """Returns the code of an error in the arguments, which Click raised."""
    if isinstance(error, UnknownCommand):
        return "command-unknown"
    if isinstance(error, click.NoSuchOption):
        return "option-unknown"
    if isinstance(error, click.BadParameter) and not isinstance(
        error, click.MissingParameter
    ):
        return "option-invalid"
    return "usage"


def usage_data(error: click.UsageError, ctx: click.Context) -> dict[str, str]:
    """Returns an error in the arguments as data. Its hint is the one of Click.

    Args:
        error: Click's error.
        ctx: The context of the program, for an error without the one of its command.
    """
    command = (error.ctx or ctx).command_path
    hint = f"Try '{command} --help' for help."
    return {"code": usage_code(error), "message": error.format_message(), "hint": hint}
