"""Errors in templates: each names the template, the line and the options in force."""

import os
import shlex
from contextlib import contextmanager

from .errors import KscaffoldError, TemplateError
from .recipes import TEMPLATES
from .spec import Spec


@contextmanager
def template_errors(spec: Spec):
    """Converts any error in a template to one that names the template and the line.

    Args:
        spec: The options in force.

    Raises:
        TemplateError: If the template or the Python it calls raises an error.
    """
    try:
        yield
    except KscaffoldError:
        raise
    # Templates call Python, so they can raise any exception.
    except Exception as error:
        raise _template_error(error, spec) from error


def _template_error(error: Exception, spec: Spec) -> TemplateError:
    """Returns an error with the template, the line, its text and the options."""
    options = shlex.join(spec.arguments()) or "(the defaults)"
    message = getattr(error, "message", None) or error
    if isinstance(error, SyntaxError):
        message = error.msg
    where, line = _where(error)
    quoted = f"\n    {line}" if line else ""
    return TemplateError(
        f"{where}: {type(error).__name__}: {message}{quoted}",
        f"The options in force: {options}",
    )


def _where(error: Exception) -> tuple[str, str]:
    """Returns `template:line` of an error, and the text of that line.

    For a syntax error in the rendered Python, the line is one of the rendered text.
    """
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}", (error.text or "").strip()
    name, number = getattr(error, "filename", None), getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        # Frames of Jinja2 carry the file and the line of the template.
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(TEMPLATES):
            name, number = file, trace.tb_lineno
        trace = trace.tb_next
    if not name or not number:
        return "The templates", ""
    with open(name, encoding="utf-8") as file:
        lines = file.read().splitlines()
    line = lines[number - 1].strip() if number <= len(lines) else ""
    return f"{os.path.relpath(name, TEMPLATES)}:{number}", line
