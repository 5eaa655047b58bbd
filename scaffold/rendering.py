"""`render(spec)`: from options to source. Pure: no disk written, no clock read."""

import ast
import os
import re
import shlex
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

import jinja2

from .class_names import check_is_free, names_bound
from .errors import KscaffoldError, SpecError, TemplateError
from .formatting import black_mode, format_source, mode_settings
from .header import excuse_header, header
from .recipes import TEMPLATES, project_templates
from .record import MARK, Record
from .spec import Spec
from .targets import DEFAULT_TARGET, check_target, is_project, package_name

#: Modules that a template may use, by the name that it uses them by.
MODULES = ("inspect", "itertools", "jax", "keras", "math", "np", "operator", "os")


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
        target: A path that ends in `.py`, `-` for standard output, or a folder for a
            project. Its name is part of what is written. Black's settings are looked
            up beside a module; a project has its own.

    Returns:
        The files: one, or those of the project.

    Raises:
        SpecError: If the target cannot be a module or a package, or if there is no
            project with these options.
        ConfigError: If the target's Black settings are broken.
        TemplateError: If a template is.
    """
    check_target(target)
    if is_project(target):
        return _render_project(spec, target)
    mode = black_mode(Path(target), spec.line_length, spec.target_version)
    text = module_text(spec, PurePath(target).name, mode)
    record = Record(text, (mode_settings(mode),))
    return [RenderedFile(Path(target), record.put_into(text))]


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


def module_text(spec: Spec, name: str, mode) -> str:
    """Renders the module with the class.

    Args:
        spec: The options.
        name: The name of the file, for its first line.
        mode: Black's settings.

    Returns:
        The text, with a place for the record of it.

    Raises:
        TemplateError: If a template is broken.
    """
    with template_errors(spec):
        text = _finished(module_source(spec, name), mode)
    gap = "\n" if mode.is_pyi else "\n\n"
    return f"{excuse_header(text, mode.line_length)}{gap}{MARK}\n"


def _render_project(spec: Spec, target: str) -> list[RenderedFile]:
    """Renders a project, with the records of its files."""
    from .section import with_records  # only for a project

    package = package_name(target)
    texts = project_texts(spec, package)
    return [
        RenderedFile(Path(target, path), text)
        for path, text in with_records(texts, spec.command(package)).items()
    ]


def project_texts(spec: Spec, package: str) -> dict[str, Record]:
    """Renders a project: the module with the class, and what trains it.

    Args:
        spec: The options.
        package: The name of the project's package.

    Returns:
        The records of the files; the keys are their paths below the project's folder,
        with slashes.

    Raises:
        SpecError: If there is no project with these options.
        TemplateError: If a template is broken.
    """
    if not spec.objective.targets:
        raise SpecError(
            f"There are no data for a project with the loss {spec.loss}.",
            "Name another --loss, or a single module as the target: FILE.py.",
        )
    alone = black_mode(None, spec.line_length, spec.target_version)
    model = module_text(spec, "model.py", alone)
    files = {f"{package}/model.py": Record(model, (mode_settings(alone),))}
    # Black finds this version in the project's `requires-python`.
    mode = black_mode(None, spec.line_length, spec.target_version or ("py311",))
    variables = {
        **_variables(spec),
        "package": package,
        "line_length": mode.line_length,
    }
    for path, name in project_templates(spec.recipe).items():
        with template_errors(spec):
            text = environment(TEMPLATES).get_template(name).render(variables)
            if path.endswith(".py"):
                bound = names_bound(ast.parse(text, f"<rendered from {name}>"))
                check_is_free(spec.class_name, bound)
                text = _finished(text, mode)
        if path.startswith("package/"):
            path = package + path.removeprefix("package")
        files[path] = Record(text, (mode_settings(mode),))
    return dict(sorted(files.items(), key=lambda item: PurePath(item[0]).parts))


def module_source(spec: Spec, name: str) -> str:
    """Renders the class and the demo, then the module around them."""
    variables = _variables(spec)
    env = environment(TEMPLATES)
    names = ["model", "demo"] if spec.demo else ["model"]
    parts, imports, bound = [], {"keras", "os"}, Counter()
    for part in (f"{variables['folder']}/{part}.py.jinja" for part in names):
        parts.append(env.get_template(part).render(variables))
        tree = ast.parse(parts[-1], f"<rendered from {part}>")
        imports |= _modules_used(tree)
        bound += names_bound(tree)
    check_is_free(spec.class_name, bound + Counter(imports))
    body = "\n\n\n".join(parts)
    return env.get_template("module.py.jinja").render(
        variables, header=header(spec, name), body=body, imports=imports
    )


def _variables(spec: Spec) -> dict:
    """Returns what all templates of a spec can read."""
    return {
        "spec": spec,
        "objective": spec.objective,
        "folder": f"recipes/{spec.recipe}",
        "title": spec.about["module_docstring"],
    }


def _finished(source: str, mode) -> str:
    """Formats what was rendered, and checks that it is Python."""
    text = format_source(_close_gaps(source), mode)
    compile(text, "<generated>", "exec", dont_inherit=True)
    return text


def _modules_used(tree: ast.Module) -> set[str]:
    """Finds which of `MODULES` a module reads, to import these and no others."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names.intersection(MODULES)


def _close_gaps(source: str) -> str:
    """Removes the blank lines that macros leave behind.

    Black would, but it formats twice what it changes at all: with the gaps closed
    here, the plainest files need one pass.
    """
    source = re.sub(r"\n{4,}", "\n\n\n", source)
    source = re.sub(r"\n{3,}(?= )", "\n\n", source)
    return source.rstrip("\n") + "\n"


@contextmanager
def template_errors(spec: Spec):
    """Turns whatever a template raises into an error that names its place."""
    try:
        yield
    except KscaffoldError:
        raise
    # Templates call Python: any exception may come out of one.
    except Exception as error:
        raise template_error(error, spec) from error


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
