"""`render(spec)`: from options to source. Pure: no disk written, no clock read."""

import ast
import os
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

import jinja2

from .errors import KscaffoldError, SpecError, TemplateError
from .formatting import black_mode, format_source
from .header import excuse_header, header
from .recipes import TEMPLATES, load_recipe
from .spec import Spec, shadowing_modules

#: What `new` writes if no target is named.
DEFAULT_TARGET = "custom_model.py"

#: Modules that a template may use, by the name that it uses them by.
MODULES = ("inspect", "itertools", "jax", "keras", "math", "np", "os")


@dataclass(frozen=True)
class RenderedFile:
    """A file that is ready to be written.

    Attributes:
        path: Where it belongs.
        text: Its text, with line feeds as line ends.
    """

    path: Path
    text: str


def render(spec: Spec, target: str = DEFAULT_TARGET) -> list[RenderedFile]:
    """Renders, formats and compiles the files of a spec.

    Args:
        spec: The options.
        target: A path that ends in `.py`, or `-` for standard output. Its name is
            part of the first line, and Black's settings are looked up beside it.

    Returns:
        The files; today always one.

    Raises:
        SpecError: If the target cannot be a Python file.
        ConfigError: If the target's Black settings are broken.
        TemplateError: If a template is.
    """
    check_target(target)
    mode = black_mode(Path(target), spec.line_length, spec.target_version)
    try:
        source = _close_gaps(_render_module(spec, PurePath(target).name))
        text = excuse_header(format_source(source, mode), mode.line_length)
        compile(text, "<generated>", "exec", dont_inherit=True)
    except KscaffoldError:
        raise
    # Templates call Python: any exception may come out of one.
    except Exception as error:
        raise template_error(error, spec) from error
    return [RenderedFile(Path(target), text)]


def check_target(target: str) -> None:
    """Refuses names that no importable, printable Python file can have.

    Raises:
        SpecError: If the target is such a name.
    """
    if target == "-":
        return
    path = PurePath(target)
    if not target.isprintable():
        raise SpecError(f"The target {target!r} has characters that cannot be printed.")
    if path.suffix != ".py" or not path.stem:
        example = path.parent / f"{path.name or 'custom_model'}.py"
        raise SpecError(
            f"The target {target!r} is not a Python file.",
            f"Name it {example}, or - for standard output.",
        )
    if path.stem in shadowing_modules():
        raise SpecError(
            f"A file {path.name} would hide the module {path.stem}, which it imports.",
            f"Name it my_{path.name}.",
        )


@cache
def environment(folder: str) -> jinja2.Environment:
    """Returns the Jinja2 environment of a folder of templates."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def _render_module(spec: Spec, name: str) -> str:
    """Renders the class and the demo, then the module around them."""
    recipe = load_recipe(spec.recipe)
    folder = f"recipes/{spec.recipe}"
    variables = {
        "spec": spec,
        "objective": spec.objective,
        "folder": folder,
        "title": recipe["module_docstring"],
        "header": header(spec, name),
    }
    env = environment(TEMPLATES)
    names = ["model", "demo"] if spec.demo else ["model"]
    parts, imports = [], {"keras", "os"}
    for name in (f"{folder}/{name}.py.jinja" for name in names):
        parts.append(env.get_template(name).render(variables))
        imports |= _modules_used(parts[-1], f"<rendered from {name}>")
    body = "\n\n\n".join(parts)
    return env.get_template("module.py.jinja").render(
        variables, body=body, imports=imports
    )


def _modules_used(source: str, origin: str) -> set[str]:
    """Finds which of `MODULES` the source reads, to import these and no others."""
    nodes = ast.walk(ast.parse(source, origin))
    return {n.id for n in nodes if isinstance(n, ast.Name)}.intersection(MODULES)


def _close_gaps(source: str) -> str:
    """Removes the blank lines that macros leave behind.

    Black would, but it formats twice what it changes at all: with the gaps closed
    here, the plainest files need one pass.
    """
    source = re.sub(r"\n{4,}", "\n\n\n", source)
    source = re.sub(r"\n{3,}(?= )", "\n\n", source)
    return source.rstrip("\n") + "\n"


def template_error(error: Exception, spec: Spec) -> TemplateError:
    """Names the template, the line, the source line and the options of an error."""
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
    """Returns the template and line where an error arose, and that line's text.

    An error in the Python that came out has the template's name, but its own lines.
    """
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}", (error.text or "").strip()
    name, number = getattr(error, "filename", None), getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        # Jinja2 gives its frames the file and the line of the template.
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
