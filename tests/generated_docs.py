"""The parts of the documents that are generated: tables, numbers and excerpts.

Such a part stands between two comments:

    <!-- generated: NAME ARGUMENT... -->
    <!-- end of generated -->

`pytest --bless` rewrites all parts, and so does `python tests/generated_docs.py`.
`test_docs.py` compares them. The JSON schemas of the package are copied to the site,
and `llms.txt` lists its pages.
"""

import json
import os
import re
import shlex
import shutil
import tomllib
from pathlib import Path

from scaffold import Spec
from scaffold.error_codes import CODES
from scaffold.option_tables import flags, markdown_table, values
from scaffold.recipe_options import own_options
from scaffold.recipes import load_recipe, recipe_names
from scaffold.skill import guide
from scaffold.verify import causes

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "scaffold" / "schemas"
LLMS = ROOT / "docs" / "llms.txt"
RESULTS = ROOT / "docs" / "recipes" / "index.md"
#: The class that the README shows.
FULLEST = "supervised/functional/manual_loss_manual_metrics_sample_weight_test_step.py"
PART = re.compile(
    r"(?P<start><!-- generated: (?P<call>.*?) -->\n).*?(?=<!-- end of generated -->)",
    re.DOTALL,
)


def documents() -> list[Path]:
    """Lists the documents in which parts can be generated."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def generated(document: Path) -> str:
    """Returns the text of a document, with its generated parts as they should be."""

    def part(match: re.Match) -> str:
        name, *arguments = match["call"].split()
        return f"{match['start']}\n{PARTS[name](document, *arguments)}\n"

    return PART.sub(part, document.read_text(encoding="utf-8"))


def bless_docs() -> None:
    """Rewrites the generated parts of all documents."""
    for document in documents():
        document.write_text(generated(document), encoding="utf-8")
    shutil.copytree(SCHEMAS, ROOT / "docs" / "schemas", dirs_exist_ok=True)
    LLMS.write_text(llms(), encoding="utf-8")


def pages() -> list[str]:
    """Lists the pages of the site in the order of its navigation."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))

    def listed(entries):
        for entry in entries:
            values = entry.values() if isinstance(entry, dict) else [entry]
            for value in values:
                yield from [value] if isinstance(value, str) else listed(value)

    return list(listed(site["project"]["nav"]))


def llms() -> str:
    """Returns `llms.txt`: what kscaffold is, and the pages of the site for assistants.

    The form is the one of llmstxt.org. Links are relative to the site.
    """
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    lines = [
        f"# {site['project']['site_name']}",
        "",
        f"> {site['project']['site_description']}",
        "",
        "`kscaffold skill` prints the first page below.",
        "",
        "## Pages",
        "",
    ]
    # The overview says the same as this file. Two pages only include others.
    left_out = {"index.md", "changelog.md", "contributing.md"}
    listed = [name for name in pages() if name not in left_out]
    for name in sorted(listed, key=lambda name: name != "skill.md"):
        title, summary = _title_and_summary(ROOT / "docs" / name)
        link = name.removesuffix("index.md").removesuffix(".md").rstrip("/")
        lines.append(f"- [{title}]({link}/){summary and f': {summary}'}")
    lines += ["", "## JSON schemas", ""]
    for path in sorted(SCHEMAS.iterdir()):
        title = json.loads(path.read_text(encoding="utf-8"))["title"]
        lines.append(f"- [{path.stem}](schemas/{path.name}): {title}.")
    return "\n".join(lines) + "\n"


def _title_and_summary(page: Path) -> tuple[str, str]:
    """Returns the title of a page, and the first sentence if it starts with prose."""
    text = re.sub("<!--.*?-->\n+", "", page.read_text(encoding="utf-8"))
    title, start, *_ = text.split("\n\n", 2)
    sentence = re.split(r"(?<=[.:])\s", start.strip())[0].replace("\n", " ")
    is_prose = sentence[0].isalpha() or sentence[0] == "`"
    return title.removeprefix("# "), sentence if is_prose else ""


def skill(document: Path) -> str:
    """Returns the guide that `kscaffold skill` prints, without its front matter."""
    return guide().split("---\n\n", 1)[1]


def errors(document: Path) -> str:
    """Returns the table of the codes of errors."""
    lines = ["| code | meaning |", "| --- | --- |"]
    lines += [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join(lines) + "\n"


def options(document: Path) -> str:
    """Returns the table of the options of `kscaffold new`."""
    return markdown_table()


def recipes(document: Path) -> str:
    """Returns the table of the recipes, each with a link to its page."""
    lines = ["| recipe | what it trains |", "| --- | --- |"]
    for recipe in map(load_recipe, recipe_names()):
        page = RESULTS.parent / f"{recipe['name']}.md"
        name = f"`{recipe['name']}`"
        if page.exists():
            link = os.path.relpath(page, document.parent).replace(os.sep, "/")
            name = f"[{name}]({link})"
        lines.append(f"| {name} | {recipe['summary']} |")
    return "\n".join(lines) + "\n"


def recipe_options(document: Path, recipe: str) -> str:
    """Returns the table of the options that a recipe adds."""
    lines = ["| option | values, default | effect |", "| --- | --- | --- |"]
    for option in own_options(recipe):
        cells = f"`{flags(option)}`", values(option, "`{}`"), option.help
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(
        f"| `--class-name` | `NAME`, default `{Spec(recipe=recipe).class_name}` "
        "| The name of the class. |"
    )
    return "\n".join(lines) + "\n"


def recipe_parts(document: Path) -> str:
    """Returns the table of the recipes as parts, and of what each adds to them."""
    from custom_algorithms import FINETUNING
    from custom_algorithms import RECIPES as equal

    lines = ["| recipe | its parts | what the recipe adds |", "| --- | --- | --- |"]
    for algorithm in sorted((*equal, FINETUNING), key=lambda found: found.recipe):
        spec = Spec(recipe="custom", **algorithm.options)
        words = shlex.join(spec.arguments()).removeprefix("--recipe custom ")
        name = f"[`{algorithm.recipe}`]({algorithm.recipe}.md)"
        lines.append(f"| {name} | `{words}` | {algorithm.adds} |")
    return "\n".join(lines) + "\n"


def references(document: Path, recipe: str) -> str:
    """Lists the papers of a recipe, and the examples of keras.io that it answers."""
    about = load_recipe(recipe)
    lines = [
        f"- {paper['authors']}, [{paper['title']}]({paper['url']}), {paper['year']}"
        for paper in about["references"]
    ]
    lines += [
        f"- The Keras example [{example}](https://keras.io/examples/{example}/)"
        for example in about["answers"]
    ]
    return "\n".join(lines) + "\n"


def numbers(document: Path, recipe: str) -> str:
    """Returns the results of a recipe's main block, from the table of all recipes."""
    text = RESULTS.read_text(encoding="utf-8")
    [(row, seconds)] = re.findall(
        rf"^\| `{recipe}` \| (.* ± .*) \| (\d+) s \|$", text, re.MULTILINE
    )
    demo = (ROOT / "golden" / recipe / "plain.py").read_text(encoding="utf-8")
    [quantity] = re.findall(r'print\(f"(.*) of {name}', demo)
    lines = [f"| {quantity.lower()} of | mean ± standard deviation |", "| --- | --- |"]
    results = re.findall(r"(?:^|, )(.+?) (-?[\d.]+ ± [\d.]+)", row)
    lines += [f"| {name} | {result} |" for name, result in results]
    return "\n".join(lines) + f"\n\nThree seeds, {seconds} s each.\n"


def excerpt(document: Path, name: str) -> str:
    """Returns lines of the fullest class, word for word."""
    text = (ROOT / "golden" / FULLEST).read_text(encoding="utf-8")
    start, end = EXCERPTS[name]
    lines = text[text.index(start) :]
    lines = lines[: lines.index(end)].rstrip()
    return f"```python\n{lines}\n```\n"


def mistakes(document: Path) -> str:
    """Returns the table of common mistakes, and what each does on current Keras."""
    from test_common_mistakes import markdown_table as mistakes_table

    return mistakes_table().rstrip() + "\n"


def mutants(document: Path) -> str:
    """Returns the table of mistakes that `kscaffold verify` finds."""
    from mutants import markdown_table as mutants_table

    return mutants_table() + "\n"


def codes(document: Path) -> str:
    """Returns the table of the codes of causes."""
    lines = ["| code | cause |", "| --- | --- |"]
    lines += [
        f"| `{code}` | {re.sub('{(.+?)}', '`NAME`', cause.removesuffix('{more}'))} |"
        for code, cause in causes.codes().items()
    ]
    return "\n".join(lines) + "\n"


#: The first line of each excerpt, and the first line after it.
EXCERPTS = {
    "compute_loss": ("    def compute_loss(\n", "    def compute_metrics("),
    "train_step": ("        # Compute the gradients", "        # Update the metrics."),
}

PARTS = {
    "codes": codes,
    "errors": errors,
    "excerpt": excerpt,
    "mistakes": mistakes,
    "mutants": mutants,
    "numbers": numbers,
    "options": options,
    "recipe-options": recipe_options,
    "recipe-parts": recipe_parts,
    "recipes": recipes,
    "references": references,
    "skill": skill,
}

if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    bless_docs()
