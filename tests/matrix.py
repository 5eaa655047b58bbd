"""The list of cases that all tests walk, derived from `Spec` and the recipe folders."""

from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path

from scaffold import Spec, render
from scaffold.common_options import OPTIONS, core_options
from scaffold.formatting import black_mode
from scaffold.keras_losses import LOSSES
from scaffold.keras_metrics import METRICS
from scaffold.line_dictionary import DICTIONARY, dictionary
from scaffold.objective import TASKS
from scaffold.recipe_options import own_options, recipe_options
from scaffold.recipes import recipe_names
from scaffold.rendering import generated_text, project_texts

GOLDEN = Path(__file__).parent.parent / "golden"
#: What Python and ruff put beside a file.
CACHES = {"__pycache__", ".ruff_cache"}
CHOICES = {option.name: option.choices for option in OPTIONS if option.choices}


#: The option that the core shares with some other recipes.
FUSION = next(option for option in OPTIONS if option.name == "fuse_steps")

#: The options that add a method for the user's code, without changing the step.
HOOKS = {"gradient_hook": True, "augment": True}

#: The goldens of recipes whose options name the parts of a class, in addition to the
#: plain ones: the name of each, and its options.
PARTS = {
    "custom": {
        "adversaries": {
            "network": ("generator", "discriminator"),
            "optimizer": ("g=generator", "d=discriminator"),
            "noise": True,
        },
        "transformation": {
            "network": ("student",),
            "frozen": ("teacher",),
            "optax": True,
        },
        "average": {
            "network": ("student",),
            "average": ("teacher=student",),
            "inputs": "streams",
        },
        "fused": {
            "network": ("encoder", "decoder"),
            "inputs": "xy",
            "predict": "decoder",
            "fuse_steps": True,
        },
        "fullest": {
            "network": ("actor", "critic", "encoder"),
            "optimizer": ("actor=actor,encoder", "critic=critic"),
            "average": ("slow_actor=actor", "slow_critic=critic"),
            "frozen": ("expert",),
            "updates": ("critic=3",),
            "noise": True,
            "input_gradients": True,
            "inputs": "streams",
            "predict": "slow_critic",
        },
    },
}


#: A value of each option that names parts, and the other options that it needs. Also
#: values that make sense, of options whose default 0 is off.
EXAMPLES = {
    "l2_sp": (0.01, {}),
    "lora_rank": (4, {}),
    "network": (("student",), {}),
    "frozen": (("teacher",), {}),
    "average": (("mean=predictor",), {}),
    "optimizer": (("main=predictor",), {}),
    "updates": (
        ("one=2",),
        {"network": ("a", "b"), "optimizer": ("one=a", "two=b")},
    ),
    "predict": ("predictor", {"average": ("mean=predictor",)}),
}


def core_recipes() -> list[str]:
    """Lists the recipes with the core options, whose step equals Keras's trainer."""
    core = {option.name for option in core_options()}
    names = {r: {option.name for option in recipe_options(r)} for r in recipe_names()}
    return [recipe for recipe in recipe_names() if core <= names[recipe]]


def recipe_specs() -> list[Spec]:
    """Lists the other recipes, with their defaults and with each option changed."""
    specs = []
    for recipe in recipe_names():
        if recipe in core_recipes():
            continue
        specs.append(Spec(recipe=recipe))
        if recipe in PARTS:
            specs += [Spec(recipe=recipe, **parts) for parts in PARTS[recipe].values()]
            continue
        for option in own_options(recipe):
            values = option.choices or (False, True) * (option.type is bool)
            if option.type in (int, float) and not option.default:
                values = {int: (100,), float: (0.99,)}[option.type]  # 0 is off.
            if option.name in EXAMPLES:
                values = EXAMPLES[option.name][:1]
            specs += [
                Spec(recipe=recipe, **{option.name: value})
                for value in values
                if value != option.default
            ]
        if FUSION in recipe_options(recipe):
            specs.append(Spec(recipe=recipe, fuse_steps=True))
    return specs


def core_specs(**fixed) -> list[Spec]:
    """Lists every combination of the core options, in every style and recipe."""
    core = [option.name for option in core_options()]
    return [
        Spec(
            recipe=recipe, style=style, **dict(zip(core, values, strict=True)), **fixed
        )
        for recipe in core_recipes()
        for style in CHOICES["style"]
        for values in product((False, True), repeat=len(core))
    ]


def changing_options() -> list:
    """Lists the boolean options that change the class itself."""
    return [o for o in OPTIONS if o.type is bool and o.name != "demo"]


def golden_specs() -> dict[Path, Spec]:
    """Maps each file of `golden/` to the spec that it shows."""
    return {**core_goldens(), **recipe_goldens()}


def recipe_goldens() -> dict[Path, Spec]:
    """Maps the goldens of recipes with algorithms of their own to their specs."""
    return {
        GOLDEN / spec.recipe / f"{golden_name(spec)}.py": spec
        for spec in recipe_specs()
    }


def golden_name(spec: Spec) -> str:
    """Names a golden of a recipe after its own options that are changed, and fusion."""
    for name, parts in PARTS.get(spec.recipe, {}).items():
        if spec == Spec(recipe=spec.recipe, **parts):
            return name
    changed = [
        option
        for option in (*own_options(spec.recipe), FUSION)
        if getattr(spec, option.name) != option.default
    ]
    values = [
        o.name if o.type is bool else f"{o.name}_{getattr(spec, o.name)}"
        for o in changed
    ]
    return "_".join(values).replace(".", "_") or "plain"


def core_goldens() -> dict[Path, Spec]:
    """Maps the goldens that equal Keras's own trainer to their specs.

    These are the core combinations in every style, the other tasks, and the plainest
    and the fullest class of every style with fused steps, and the plainest with hooks.
    """
    specs = core_specs()
    specs += [Spec(task=task) for task in TASKS if task != Spec().task]
    for style in CHOICES["style"]:
        of_style = [spec for spec in core_specs(fuse_steps=True) if spec.style == style]
        specs += [of_style[0], of_style[-1]]
        specs.append(Spec(style=style, **HOOKS))
    return {golden_path(spec): spec for spec in specs}


def golden_path(spec: Spec) -> Path:
    """Names a golden after its options: `golden/supervised/functional/test_step.py`."""
    flags = [option.name for option in changing_options()]
    named = [name for name in flags if getattr(spec, name)]
    named += [spec.task] if spec.task != Spec().task else []
    name = "_".join(named) or "plain"
    return GOLDEN / spec.recipe / spec.style / f"{name}.py"


def golden_projects() -> dict[Path, Spec]:
    """Maps the folder of each golden project to its spec: one for each task."""
    return {
        GOLDEN
        / recipe
        / "projects"
        / task
        / "my_project": Spec(recipe=recipe, task=task)
        for recipe in core_recipes()
        for task in TASKS
    }


def golden_notebooks() -> dict[Path, Spec]:
    """Maps each golden notebook to its spec: the plainest, a fused one, one that draws.

    These are one with a class of inputs and outputs, one whose class is changed after
    its definition, and one with networks, a function that builds it, and samples.
    """
    specs = {
        "supervised": Spec(),
        "fused": Spec(style="subclass", manual_loss=True, fuse_steps=True),
        "vae": Spec(recipe="vae"),
    }
    return {GOLDEN / "notebooks" / f"{name}.ipynb": s for name, s in specs.items()}


def expected_golden() -> dict[str, str]:
    """Renders the goldens; the keys are paths below `golden/`."""
    files = {**golden_specs(), **golden_notebooks()}
    modules = {path: text(spec, path.name) for path, spec in files.items()}
    projects = {
        path.parent / file.path: file.text
        for path, spec in golden_projects().items()
        for file in render(spec, path.name)
    }
    return {
        path.relative_to(GOLDEN).as_posix(): content
        for path, content in {**modules, **projects}.items()
    }


def read_golden() -> dict[str, str]:
    """Reads all files below `golden/`; the keys are their paths in it."""
    return {
        path.relative_to(GOLDEN).as_posix(): path.read_bytes().decode()
        for path in GOLDEN.rglob("*")
        if path.is_file() and not CACHES.intersection(path.parts)
    }


def dictionary_texts() -> list[str]:
    """Renders the texts for the dictionary of records, without their first lines.

    These are the goldens, the golden modules with other common line lengths, and a
    notebook of each recipe.
    """
    lengths = (88, 79, 100, 120)
    texts = [
        generated_text(spec, path.name, black_mode(None, length)).split("\n", 1)[1]
        for length in lengths
        for path, spec in golden_specs().items()
    ]
    texts += [
        record.text
        for spec in golden_projects().values()
        for path, record in project_texts(spec, "my_project").items()
        if not path.endswith("/model.py")
    ]
    notebooks = [
        *golden_notebooks().values(),
        *(Spec(recipe=r) for r in recipe_names()),
    ]
    return texts + [
        generated_text(spec, "m.ipynb", black_mode(None, length)).split("\n", 1)[1]
        for length in lengths
        for spec in notebooks
    ]


def bless() -> None:
    """Rewrites `golden/` with the current output, and extends the dictionary.

    Existing lines of the dictionary must keep their places, because the records of
    generated files refer to them.
    """
    known = dictionary()
    for new in dictionary_texts():
        known.grow(new)
    DICTIONARY.write_bytes("\n".join(known.lines).encode())
    expected = expected_golden()
    for name in read_golden().keys() - expected.keys():
        (GOLDEN / name).unlink()
    for name, content in expected.items():
        (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_bytes(content.encode())


@cache
def text(spec: Spec, target: str = "custom_model.py") -> str:
    """Renders a spec, once."""
    return render(spec, target)[0].text


def objectives() -> list[dict]:
    """Lists each loss with each task that it fits, and each metric where it fits."""
    found = [
        {"task": task, "loss": loss.aliases[0]} for loss in LOSSES for task in loss.fits
    ]
    together = {}
    for metric in METRICS:
        together.setdefault(_home(metric), []).append(metric.aliases[0])
    for (task, loss, weighable), metrics in together.items():
        found.append({"task": task, "loss": loss, "metric": tuple(metrics)})
        if not weighable:
            found[-1]["sample_weight"] = False
    return found


def _home(metric) -> tuple:
    """Returns a task and a loss whose targets and outputs the metric can read.

    As well as whether it can be weighted.
    """
    for loss in LOSSES:
        for task, (targets, outputs) in loss.fits.items():
            if targets in metric.targets and outputs in metric.arguments:
                return task, loss.aliases[0], metric.weighable
    raise AssertionError(f"No loss has targets and outputs for {metric.name}.")


def whole_space() -> list[Spec]:
    """Lists every combination of the options that have finitely many values.

    Losses, metrics and hooks come one by one, with every way to own them: what they
    change in the text does not depend on the other options.
    """
    flags = [o.name for o in OPTIONS if o.type is bool and o.name not in HOOKS]
    own = {"recipe", "target_version"}
    factors = {name: CHOICES[name] for name in CHOICES if name not in own}
    factors |= {name: (False, True) for name in flags}
    specs = recipe_specs()
    specs += [replace(spec, demo=False) for spec in specs]
    specs += [
        Spec(**dict(zip(factors, values, strict=True)))
        for values in product(*factors.values())
    ]
    specs += [spec for name in HOOKS for spec in core_specs(**{name: True})]
    specs += core_specs(fuse_steps=True, demo=False, **HOOKS)
    owners = product((False, True), repeat=2)
    return specs + [
        Spec(**objective, manual_loss=loss, manual_metrics=metrics)
        for loss, metrics in owners
        for objective in objectives()
    ]


def pairwise(factors: dict[str, list]) -> list[dict]:
    """Covers each pair of values of two factors by few combinations, greedily.

    Args:
        factors: The values of each factor.

    Returns:
        Combinations, one value for each factor.
    """
    names = list(factors)
    missing = {
        (a, i, b, j)
        for a, b in combinations(names, 2)
        for i in range(len(factors[a]))
        for j in range(len(factors[b]))
    }
    rows = []
    while missing:
        a, i, b, j = min(missing, key=str)
        row = {a: i, b: j}
        for name in names:
            if name not in row:
                row[name] = max(
                    range(len(factors[name])),
                    key=lambda k, name=name, row=row: sum(
                        _pair(names, name, k, other, row[other]) in missing
                        for other in row
                    ),
                )
        missing -= {
            _pair(names, a, row[a], b, row[b]) for a, b in combinations(names, 2)
        }
        rows.append({name: factors[name][row[name]] for name in names})
    return rows


def _pair(names, a, i, b, j):
    """Writes a pair of values in the order of the factors."""
    return (a, i, b, j) if names.index(a) < names.index(b) else (b, j, a, i)


def pairwise_specs() -> list[Spec]:
    """Covers each pair of a style, an owner, an option and an objective."""
    factors = {"objective": objectives(), "style": list(CHOICES["style"])}
    factors |= {option.name: [False, True] for option in changing_options()}
    # An objective that fixes an option has the last word.
    rows = [{**row, **row["objective"]} for row in pairwise(factors)]
    rows = [{k: v for k, v in row.items() if k != "objective"} for row in rows]
    return list(dict.fromkeys(Spec(**row) for row in rows))


def identify(spec: Spec) -> str:
    """Names a spec in pytest's output."""
    return " ".join(spec.arguments()) or "defaults"
