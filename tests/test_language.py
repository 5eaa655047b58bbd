"""The prose of the project avoids the words that its style guide bans.

Prose is everything that people read: documents, messages, docstrings, comments, names
of tests, templates and what they emit.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Where the prose is. Folders are searched with all their files.
PLACES = (
    ".ci",
    ".pre-commit-hooks.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "benchmarks",
    "docs",
    "golden",
    "pyproject.toml",
    "scaffold",
    "templates",
    "tests",
    "zensical.toml",
)

#: Text that earlier releases wrote, which must stay as it is; and this list.
EXEMPT = ("templates/dictionary.txt", "tests/earlier/", "tests/test_language.py")

#: Phrases without a term that a reader could search for, with an example to replace.
BANNED = {
    "anew": "build the model anew",
    "another way": "formatted in another way",
    "as that of": "the same shape as that of `x`",
    "for nothing": "compiled for nothing",
    "in a hurry": "compiled in a hurry",
    "mend": "mend the file",
    "mended": "it is mended",
    "mends": "it mends the file",
    "put right": "something that the user can put right",
    "says how far": "a release says how far it goes",
    "that of": "the shape is that of `x`",
    "the long way round": "CI adds the long way round",
    "the ones that": "options, the ones that are new",
    "those of the": "the losses are those of the layers",
    "what is there": "a merge of what is there",
}

#: Sentences that start with their participle: "Printed are the medians."
INVERSIONS = ("Compared", "Given", "Left", "Measured", "Needed", "Printed", "Shown")

#: What may stand between two words of a phrase: the end of a line, in a comment or a
#: string as well, or the underscore of a name.
SEPARATOR = r"""(?:[\s_#"'*>-]|(?<=["'\s])f(?=["']))+"""


def pattern() -> re.Pattern:
    """Returns the expression that finds every banned phrase."""
    phrases = [SEPARATOR.join(phrase.split()) for phrase in BANNED]
    inversions = rf"(?-i:{'|'.join(INVERSIONS)}){SEPARATOR}(?:is|are)"
    words = "|".join([*phrases, inversions])
    return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.IGNORECASE)


def prose(text: str) -> str:
    """Leaves out the records of generated files, which are no words."""
    return re.sub(r"kscaffold:base:\S+|^\S+ = \"H3\S+$", "", text, flags=re.MULTILINE)


def found(text: str) -> list[tuple[int, str]]:
    """Returns the line and the words of each banned phrase."""
    matches = pattern().finditer(prose(text))
    return [(prose(text)[: m.start()].count("\n") + 1, m[0]) for m in matches]


def files() -> list[Path]:
    """Lists the files with prose."""
    listed = []
    for place in (ROOT / name for name in PLACES):
        listed += [place] if place.is_file() else place.rglob("*")
    return [
        path
        for path in sorted(listed)
        if path.is_file()
        and path.suffix not in (".png", ".svg", ".pyc")
        and not path.relative_to(ROOT).as_posix().startswith(EXEMPT)
        and not {"__pycache__", ".ruff_cache"}.intersection(path.parts)
    ]


def test_banned_words():
    """No file has a banned phrase, neither in its text nor in its name."""
    problems = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        problems += [f"{name}: the name has {words!r}" for _, words in found(name)]
        hits = found(path.read_text(encoding="utf-8"))
        problems += [f"{name}:{line}: {' '.join(w.split())}" for line, w in hits]

    assert not problems, "Rewrite these sentences:\n" + "\n".join(problems)


@pytest.mark.parametrize(("phrase", "example"), BANNED.items())
def test_phrase_is_found(phrase, example):
    """The search finds each phrase, also across lines, in strings and in names."""
    start, end = example.split(phrase)
    broken = phrase.replace(" ", '"\n    f"') if " " in phrase else phrase

    for text in (
        example,
        example.capitalize(),
        start + phrase.replace(" ", "\n    # ") + end,
        start + broken + end,
        f"def test_{phrase.replace(' ', '_')}_twice():",
    ):
        assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "We recommend the amendment, and commend what is therefore said.",
        "So that, of course, those often whatsoever are another wayward that offers.",
        "The values are measured and printed.",
    ],
)
def test_other_words_are_free(text):
    """Words that contain a banned one are allowed."""
    assert not found(text)


def test_inversion_is_found():
    """A sentence that starts with its participle is found."""
    assert found("Printed are the medians.")


def test_all_kinds_of_files():
    """The search reads documents, code, templates, goldens, tests and CI."""
    names = {path.relative_to(ROOT).as_posix() for path in files()}

    assert names >= {
        ".ci/run",
        "README.md",
        "benchmarks/train.py",
        "docs/verify.md",
        "golden/supervised/functional/plain.py",
        "scaffold/cli.py",
        "templates/recipes/gan/recipe.toml",
        "tests/test_text.py",
    }
