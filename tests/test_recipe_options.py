"""Proves that the options in a `recipe.toml` work like the options of `Spec`."""

import json
import re
from dataclasses import replace

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from matrix import EXAMPLES, identify, recipe_specs, text
from test_cli import converse

from scaffold import Spec, recipes, render
from scaffold.cli import main
from scaffold.common_options import OPTIONS
from scaffold.errors import SpecError, TemplateError
from scaffold.header import parse_header
from scaffold.recipe_options import own_options, recipe_options
from scaffold.recipes import load_recipe, recipe_names
from scaffold.spec import spec_class

OWN = [(name, option) for name in recipe_names() for option in own_options(name)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    """Runs the command."""
    return CliRunner().invoke(main, arguments)


def refused(*arguments) -> str:
    """Runs a command that must exit 2, and returns what it says."""
    result = run(*arguments)
    assert 2 == result.exit_code, result.output
    assert "Traceback" not in result.output
    return result.stderr


def another(option):
    """Returns a valid value of an option other than its default."""
    if option.name in EXAMPLES:
        return EXAMPLES[option.name][0]
    if option.type is bool:
        return not option.default
    if option.choices:
        return next(value for value in option.choices if value != option.default)
    unbounded = option.maximum is None and option.below is None
    return option.default + 1 if unbounded else option.default / 2 or 0.5


def words(option, value) -> list[str]:
    """Returns the arguments that set an option."""
    if option.type is bool:
        return [option.flag if value else option.off_flag]
    if value in ((), None):
        return ["--unset", option.name.replace("_", "-")]
    if option.many:
        return [word for item in value for word in (option.flag, item)]
    return [option.flag, str(value)]


@pytest.mark.parametrize(("recipe", "option"), OWN, ids=lambda o: getattr(o, "name", o))
def test_option_of_a_recipe(recipe, option, folder):
    """Its flag, its field, its help, its schema and its line in the header agree."""
    value = another(option)
    _, needed = EXAMPLES.get(option.name, ((), {}))
    plain = Spec(recipe=recipe, **needed)
    spec = replace(plain, **{option.name: value})
    result = run("new", "a.py", *spec.arguments())

    assert 0 == result.exit_code, result.output
    written = (folder / "a.py").read_text("utf-8")
    assert render(spec, "a.py")[0].text == written != text(plain, "a.py")
    assert spec == parse_header(written).spec
    shown = " ".join(run("new", "--recipe", recipe, "--help").stdout.split())
    assert option.flag in shown and option.help.split()[0] in shown
    [about] = [
        about
        for about in json.loads(run("list", "--json").stdout)["recipes"]
        if about["name"] == recipe
    ]
    [schema] = [s for s in about["options"] if s["name"] == option.name]
    default = [*option.default] if option.many else option.default
    assert default == schema["default"]
    assert option.flag in run("list").stdout


@pytest.mark.parametrize(("recipe", "option"), OWN, ids=lambda o: getattr(o, "name", o))
def test_values_that_an_option_cannot_have(recipe, option):
    """Invalid values are refused on the command line and in Python."""
    wrong = {
        int: [True, "a"],
        float: ["a", float("nan"), float("inf"), True],
        bool: [1, None],
        str: ["no pe", 1],
    }[option.type]
    if option.many:
        wrong = [(value,) for value in wrong] + ["nope"]
    if option.type in (int, float):
        bounds = (option.minimum, -1), (option.maximum, 1)
        wrong += [bound + step for bound, step in bounds if bound is not None]
        wrong += [b for b in (option.above, option.below) if b is not None]
    for value in wrong:
        with pytest.raises(SpecError):
            Spec(recipe=recipe, **{option.name: value})
        if option.type is not bool and not isinstance(value, bool):
            if option.many:  # The command makes a tuple of each word.
                value = value[0] if isinstance(value, tuple) else "no pe"
            said = refused("new", "--recipe", recipe, option.flag, str(value))
            assert option.flag in said


@pytest.mark.parametrize("spec", recipe_specs(), ids=str)
def test_options_that_a_recipe_does_not_have(spec):
    """They are refused, and the message names the recipes that have them."""
    own = {option.name for option in recipe_options(spec.recipe)}
    for option in OPTIONS:
        if option.name not in own and option.type is bool:
            said = refused("new", "--recipe", spec.recipe, option.flag)
            assert f"{option.flag} is not an option of the recipe {spec.recipe}" in said
            assert re.search(r"These recipes have it: .*\bsupervised\.", said)
            with pytest.raises(SpecError, match="is not an option of the recipe"):
                replace(spec, **{option.name: not option.default})


def test_option_without_its_recipe():
    """An option of another recipe is refused, and the message names that recipe."""
    said = refused("new", "--beta", "2")

    assert "--beta is not an option of the recipe supervised." in said
    assert "These recipes have it: vae." in said
    assert "No such option" in refused("new", "--nope")


@pytest.mark.parametrize("arguments", [["--recipe", "gna"], ["--recipe=gna"]])
def test_unknown_recipe(arguments):
    """An unknown recipe is refused before its options, with the nearest recipe."""
    said = refused("new", *arguments, "--latent-size", "3")

    assert "--recipe cannot be 'gna'" in said
    assert "gan" in said


def test_recipe_may_come_last():
    """`--recipe` may follow the options of the recipe, and `--help`."""
    assert "--beta" in run("new", "--help", "--recipe", "vae").stdout
    assert 0 == run("new", "--beta", "2", "--recipe=vae").exit_code
    assert "--beta" not in run("new", "--help").stdout


def test_recipe_of_a_spec_is_fixed():
    """The recipe of a spec cannot be replaced."""
    with pytest.raises(SpecError, match="cannot be replaced"):
        replace(Spec(recipe="vae"), recipe="gan")
    assert Spec(recipe="supervised") == Spec()
    assert isinstance(Spec(recipe="vae"), spec_class("vae"))


def test_update_changes_options_of_a_recipe(folder):
    """`update` changes the options of a recipe and keeps edits, but not the recipe."""
    run("new", "a.py", "--recipe", "vae")
    path = folder / "a.py"
    old = "    def test_step("
    edited = path.read_text("utf-8").replace(old, f"    # Mine.\n{old}")
    assert "# Mine.\n" in edited
    path.write_text(edited, "utf-8")

    assert 0 == run("update", "a.py", "--beta", "2").exit_code
    updated = path.read_text("utf-8")
    assert "beta=2.0" in updated and "# Mine.\n" in updated
    assert Spec(recipe="vae", beta=2.0) == parse_header(updated).spec
    assert 0 == run("update", "a.py", "--unset", "beta").exit_code
    assert edited.split("\n")[:-2] == path.read_text("utf-8").split("\n")[:-2]
    said = refused("update", "a.py", "--test-step")
    assert "--test-step is not an option of the recipe vae" in said
    assert "--recipe cannot change" in refused("update", "a.py", "--recipe", "gan")
    said = refused("update", "a.py", "--unset", "conditional")
    assert "--conditional is not an option of the recipe vae" in said
    assert 0 == run("check", "a.py").exit_code


@pytest.mark.parametrize("spec", recipe_specs(), ids=identify)
def test_update_from_one_option_to_another(spec, folder):
    """Without edits, an update writes the same file as `new`, there and back."""
    plain = Spec(recipe=spec.recipe)
    path = folder / "a.py"
    path.write_text(text(plain, "a.py"), "utf-8")
    for new in (spec, plain):
        given = {
            option.name: getattr(new, option.name)
            for option in new.options
            if option not in OPTIONS or option.name == "fuse_steps"
            if getattr(spec, option.name) != option.default
            or option.type is bool
            or option.choices
        }
        arguments = [w for o, v in given.items() for w in words(option_of(new, o), v)]
        result = run("update", "a.py", *arguments)

        assert 0 == result.exit_code, result.output
        assert text(new, "a.py") == path.read_text("utf-8")


def option_of(spec, name):
    """Returns an option of a recipe by its name."""
    return next(option for option in spec.options if option.name == name)


@pytest.mark.parametrize(
    ("words", "incomplete", "wanted"),
    [
        (["--recipe", "vae"], "--be", {"--beta"}),
        (["--recipe", "vae"], "--st", set()),
        (["--recipe"], "v", {"vae"}),
        (["--recipe", "vae", "--evaluation"], "s", {"sample"}),
        (["--recipe", "nope"], "--sty", {"--style"}),
        (["--loss"], "hub", {"huber"}),
        (["--loss"], "Hinge", {"Hinge"}),
        (["--metric"], "au", {"auc"}),
        (
            ["--metric", "auc", "--metric"],
            "preci",
            {"precision", "precision_at_recall"},
        ),
        (["--class-name"], "M", set()),
        ([], "--be", set()),
    ],
)
def test_completion(words, incomplete, wanted):
    """A shell completes the options of the recipe, and losses, metrics and recipes."""
    found = completions(["new", *words], incomplete)

    assert wanted == {item.value for item in found}


@pytest.mark.parametrize("command", ["new", "update", "check", "verify", "info"])
def test_completion_of_files(command):
    """A shell completes the target of each command with the names of files."""
    [item] = completions([command], "mod")

    assert ("mod", "file") == (item.value, item.type)


def test_completion_of_commands():
    """A shell completes every command."""
    found = {item.value for item in completions([], "")}

    assert {*"check info list new skill update verify".split()} == found
    assert {"--view"} == {item.value for item in completions(["new"], "--vi")}


def completions(words, incomplete):
    """Returns what a shell may complete after the words of a command line."""
    completion = ShellComplete(main, {}, "kscaffold", "_KSCAFFOLD_COMPLETE")
    return completion.get_completions(words, incomplete)


def test_help_of_update():
    """The help of `update` names the recipes of an option, with the help of each."""
    shown = " ".join(run("update", "--help").stdout.split())
    texts = {option.name: {} for _, option in OWN}
    for recipe, option in OWN:
        texts[option.name].setdefault(option.help, []).append(recipe)
    for helps in texts.values():
        for help, names in helps.items():
            assert f"[{', '.join(names)}] {help}" in shown


def test_interactive():
    """`-i` asks for the recipe first, and then for its options only."""
    answers = {option.name: "" for option in recipe_options("vae")}
    answers |= {"recipe": "vae", "beta": "2", "demo": "n"}
    code, stdout, stderr = converse(["-i", "-"], "\n".join(answers.values()) + "\n")

    spec = Spec(recipe="vae", beta=2.0, demo=False)
    assert (0, render(spec, "-")[0].text) == (code, stdout)
    assert "Base class" not in stderr


def test_interactive_parts():
    """Commas in an answer separate the networks of an optimizer, not two optimizers."""
    answers = {option.name: "" for option in recipe_options("custom")}
    answers |= {"recipe": "custom", "network": "encoder, decoder"}
    answers |= {"optimizer": "main=encoder,decoder", "fuse_steps": "n", "demo": "n"}
    code, stdout, _ = converse(["-i", "-"], "\n".join(answers.values()) + "\n")

    spec = Spec(
        recipe="custom",
        network=("encoder", "decoder"),
        optimizer=("main=encoder,decoder",),
        demo=False,
    )
    assert (0, render(spec, "-")[0].text) == (code, stdout)


def test_no_project_yet(folder):
    """A folder is refused as the target if the recipe has no project."""
    said = refused("new", "my_gan", "--recipe", "gan")

    assert "There is no project for the recipe gan yet." in said
    assert [] == list(folder.iterdir())


BROKEN = {
    "title =": "is not TOML",
    'title = "A"': "lacks module_docstring, lacks summary",
    'better = 1\nnope = 1\ntitle = "A"\nsummary = "B."\nmodule_docstring = "C."': (
        "has an unknown key nope"
    ),
}


@pytest.mark.parametrize(("content", "problem"), BROKEN.items())
def test_broken_recipes(content, problem, folder, monkeypatch):
    """An invalid `recipe.toml` is an error that names the file and the problem."""
    (folder / "mine").mkdir()
    (folder / "mine" / "recipe.toml").write_text(content)
    monkeypatch.setattr(recipes, "FOLDER", str(folder))

    with pytest.raises(TemplateError, match=problem) as raised:
        load_recipe.__wrapped__("mine")
    assert "recipe.toml" in raised.value.message


WHOLE = 'title = "A"\nsummary = "B."\nmodule_docstring = "C."\n'


@pytest.mark.parametrize(
    "declared",
    [
        '[options.a]\ntype = "list"\ndefault = 1\nhelp = "A."',
        '[options.a]\ntype = "int"\nhelp = "A."',
        '[options.a]\ntype = "int"\ndefault = "1"\nhelp = "A."',
        '[options.a]\ntype = "int"\ndefault = 0\nminimum = 1\nhelp = "A."',
        '[options.a]\ntype = "int"\ndefault = 0\nhelp = "A."\nnope = 1',
        '[defaults]\nnope = "A"',
        "[defaults]\nclass_name = 1",
        'supports = ["nope"]',
    ],
)
def test_broken_options(declared, folder, monkeypatch):
    """Invalid options in a `recipe.toml` are a `TemplateError`, not a `SpecError`."""
    from scaffold import recipe_options

    whole = f"{declared}\n{WHOLE}" if "supports" in declared else WHOLE + declared
    (folder / "mine").mkdir()
    (folder / "mine" / "recipe.toml").write_text(whole)
    monkeypatch.setattr(recipes, "FOLDER", str(folder))
    about = load_recipe.__wrapped__("mine")
    monkeypatch.setattr(recipe_options, "load_recipe", lambda name: about)

    with pytest.raises(
        TemplateError, match="recipe.toml of mine declares invalid options"
    ):
        kind = recipe_options._options_class.__wrapped__("mine")
        assert kind is None, "it should have been refused"


def test_same_name_same_type():
    """Options with the same name have the same type. `update` has only one of them."""
    types = {}
    for _, option in OWN:
        assert option.type is types.setdefault(option.name, option.type)


def test_nothing_names_a_recipe():
    """The code finds recipes by their folders. It names only the default recipe."""
    from pathlib import Path

    import scaffold

    code = "".join(
        path.read_text("utf-8") for path in Path(scaffold.__path__[0]).rglob("*.py")
    )
    for name in recipe_names():
        quoted = [f'"{name}"', f"'{name}'"]
        assert (name == "supervised") == any(word in code for word in quoted)
