"""Renders a notebook: the parts of a module, in the cells that a person would make."""

import ast

from .cells import MARKDOWN, Cell, text_of
from .class_names import check_is_free, names_bound
from .demo_cells import (
    CURVES,
    DATA,
    EVALUATION,
    SAMPLES,
    TRAINING,
    demo_cells,
    with_history,
    with_progress,
)
from .module_parts import BUILD, CALLS, DEMO, HEADER, PLUMBING, parts_of
from .module_source import environment, module_source
from .recipes import TEMPLATES
from .record import MARK
from .spec import Spec

INSTALL = "install"

#: The cells with code, in order: the id, and what the cell above it says.
HEADINGS = {
    INSTALL: (
        "Install",
        "Remove the `#` to install what this notebook needs, then restart the kernel.",
    ),
    "imports": (
        "Imports",
        "Keras reads its backend once, when it is imported.",
    ),
    "networks": ("Networks", "The networks that the model trains. Put your own here."),
    "class": (
        "Model",
        "The class with the loss and the training step. After an edit, run this cell "
        "and the cells that build the model.",
    ),
    BUILD: ("Build", "Builds and compiles the model from its networks."),
    PLUMBING: (
        "Helper code",
        "What the class needs to work with Keras. It seldom needs an edit.",
    ),
    DATA: ("Data", "Loads the data. Put your own data here."),
    TRAINING: (
        "Training",
        "Builds and trains the model. Each run of this cell starts with new weights.",
    ),
    CURVES: ("Curves", "Plots the losses and metrics of each epoch."),
    EVALUATION: ("Evaluation", "Measures what the trained model has learned."),
    SAMPLES: ("Samples", "Shows images that the trained model makes."),
}

#: The ids of all cells that a notebook can have.
IDS = frozenset(
    ["title", *HEADINGS, *(f"about-{name}" for name in HEADINGS)],
)


def notebook_source(spec: Spec, name: str) -> str:
    """Renders a notebook in its text form, before Black formats it.

    Args:
        spec: The options.
        name: The name of the file, for the command in its first line.

    Returns:
        The text, with a placeholder for its record.

    Raises:
        SpecError: If another name in the code is the name of the class.
    """
    source = module_source(spec, name, notebook=True)
    codes = {}
    for role, text in parts_of(source, spec.class_name):
        codes[role] = codes.get(role, "") + text
    header = codes.pop(HEADER).split("\n", 1)[0]
    calls = codes.pop(CALLS, "")
    if DEMO in codes:
        demo = demo_cells(codes.pop(DEMO))
        training = with_progress(demo[TRAINING])
        if training != demo[TRAINING]:
            progress = _rendered("progress")
            codes[PLUMBING] = f"{codes.get(PLUMBING, '').rstrip()}\n\n\n{progress}"
        training, history = with_history(training)
        # Whoever runs the class again also builds a new model.
        demo[TRAINING] = f"{calls.strip()}\n\n{training}"
        codes |= demo
        if history:
            codes[CURVES] = _rendered("curves", history=history)
    else:
        codes[PLUMBING] = codes.get(PLUMBING, "") + calls
    codes[INSTALL] = f"# %pip install {' '.join(_needs(spec))}"
    cells = [
        Cell(
            "title",
            f"# {spec.about['title']}\n\n{spec.about['module_docstring']}",
            MARKDOWN,
        )
    ]
    for role, (heading, sentence) in HEADINGS.items():
        code = codes.get(role, "").strip("\n")
        if code:
            about = Cell(f"about-{role}", f"## {heading}\n\n{sentence}", MARKDOWN)
            cells += [about, Cell(role, code)]
    text = text_of(header, cells, MARK)
    check_is_free(spec.class_name, names_bound(ast.parse(text)))
    return text


def _rendered(name: str, **variables) -> str:
    """Renders code that only notebooks have."""
    template = environment(TEMPLATES).get_template(f"notebook/{name}.py.jinja")
    return template.render(variables)


def _needs(spec: Spec) -> list[str]:
    """Lists the packages that a notebook needs."""
    demo = [*spec.about["needs"], "matplotlib", "numpy"] if spec.demo else []
    optax = ["optax"] if getattr(spec, "optax", False) else []
    return ["keras", "jax", *sorted({*demo, *optax})]
