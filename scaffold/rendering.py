"""`render(spec)`: from options to source. It writes no files and reads no clock."""

import ast
from dataclasses import dataclass
from pathlib import Path, PurePath

from .class_names import check_is_free, names_bound
from .errors import SpecError
from .formatting import black_mode, format_source, mode_settings
from .header import excuse_header
from .module_source import (
    close_gaps,
    environment,
    module_source,
    template_variables,
)
from .notebook_json import new_notebook
from .notebook_text import notebook_source
from .recipes import TEMPLATES, project_templates
from .record import MARK, Record
from .spec import Spec
from .target_names import check_target, is_notebook, is_project, package_name
from .template_errors import template_errors


@dataclass(frozen=True)
class RenderedFile:
    """A generated file, not written yet.

    Attributes:
        path: Where to write it.
        text: Its text, with line feeds as line ends.
    """

    path: Path
    text: str


def render(spec: Spec, target: str | None = None) -> list[RenderedFile]:
    """Renders, formats and compiles the files of a spec.

    Args:
        spec: The options.
        target: A path that ends in `.py` or `.ipynb`, `-` for standard output, or a
            folder for a project. The default is the recipe's default file. The name
            appears in the files. A module or a notebook is formatted with the Black
            settings that apply to its path; a project has settings of its own.

    Returns:
        A list of files: a single one for a module or a notebook.

    Raises:
        SpecError: If the target cannot be a module or a package, or if there is no
            project with these options.
        ConfigError: If the Black settings of the target are invalid.
        TemplateError: If a template is broken.
    """
    target = spec.default_target if target is None else target
    check_target(target)
    if is_project(target):
        return _render_project(spec, target)
    mode = black_mode(Path(target), spec.line_length, spec.target_version)
    text = generated_text(spec, PurePath(target).name, mode)
    text = Record(text, (mode_settings(mode),)).put_into(text)
    return [
        RenderedFile(Path(target), new_notebook(text) if is_notebook(target) else text)
    ]


def generated_text(spec: Spec, name: str, mode) -> str:
    """Renders a module, or a notebook in its text form.

    Args:
        spec: The options.
        name: The name of the file. Its suffix decides.
        mode: Black's mode.

    Returns:
        The text, with a placeholder for its record.

    Raises:
        TemplateError: If a template is broken.
    """
    if not is_notebook(name):
        return module_text(spec, name, mode)
    with template_errors(spec):
        return _finished(notebook_source(spec, name), mode)


def module_text(spec: Spec, name: str, mode) -> str:
    """Renders the module with the class.

    Args:
        spec: The options.
        name: The name of the file, for the command in its first line.
        mode: Black's mode.

    Returns:
        The text, with a placeholder for its record.

    Raises:
        TemplateError: If a template is broken.
    """
    with template_errors(spec):
        text = _finished(module_source(spec, name), mode)
    gap = "\n" if mode.is_pyi else "\n\n"
    return f"{excuse_header(text, mode.line_length)}{gap}{MARK}\n"


def _render_project(spec: Spec, target: str) -> list[RenderedFile]:
    """Renders a project, with the records of its files."""
    from .pyproject_table import SETTINGS, with_records  # only for a project

    package = package_name(target)
    texts = with_records(project_texts(spec, package), spec.command(package))
    # The settings come first: they say what the folder is, if writing it is killed.
    order = sorted(texts, key=lambda path: path != SETTINGS)
    return [RenderedFile(Path(target, path), texts[path]) for path in order]


def project_texts(spec: Spec, package: str) -> dict[str, Record]:
    """Renders a project: the module with the class, and the package around it.

    Args:
        spec: The options.
        package: The name of the project's package.

    Returns:
        A dict of the records of the files. Keys are paths in the project's folder,
        with slashes.

    Raises:
        SpecError: If there is no project with these options.
        TemplateError: If a template is broken.
    """
    if not spec.objective.targets:
        raise SpecError(
            f"Projects have no data for the loss {spec.loss}.",
            "Use another --loss, or generate a single module: kscaffold new FILE.py.",
            code="project-unavailable",
        )
    alone = black_mode(None, spec.line_length, spec.target_version)
    model = module_text(spec, "model.py", alone)
    files = {f"{package}/model.py": Record(model, (mode_settings(alone),))}
    # The project's `requires-python` tells Black the same version.
    mode = black_mode(None, spec.line_length, spec.target_version or ("py311",))
    variables = {
        **template_variables(spec),
        "package": package,
        "line_length": mode.line_length,
    }
    for path, name in project_templates(spec.recipe, package).items():
        with template_errors(spec):
            text = environment(TEMPLATES).get_template(name).render(variables)
            if path.endswith(".py"):
                bound = names_bound(ast.parse(text, f"<rendered from {name}>"))
                check_is_free(spec.class_name, bound)
                text = _finished(close_gaps(text), mode)
        files[path] = Record(text, (mode_settings(mode),))
    return dict(sorted(files.items(), key=lambda item: PurePath(item[0]).parts))


def _finished(source: str, mode) -> str:
    """Formats rendered source, and checks that it compiles."""
    text = format_source(source, mode)
    compile(text, "<generated>", "exec", dont_inherit=True)
    return text
