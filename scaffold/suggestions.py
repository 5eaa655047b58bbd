"""Suggests known words for a word that is not known: "Did you mean wgan-gp?"."""

import re
from collections.abc import Iterable

#: The maximum number of suggestions.
MOST = 4


def did_you_mean(word: str, words: Iterable[str], otherwise: str = "") -> str:
    """Returns a hint with the nearest of some words.

    Args:
        word: The word that the user typed.
        words: The words that the user could have meant.
        otherwise: The hint if no word is near. The default lists all words.
    """
    words = list(words)
    near = nearest(word, words)
    if near:
        *others, last = near
        return f"Did you mean {' or '.join(filter(None, [', '.join(others), last]))}?"
    return otherwise or f"Choose from {', '.join(words)}."


def nearest(word: str, words: Iterable[str]) -> list[str]:
    """Lists the words that the user may have meant, the most similar one first.

    Case, hyphens and underscores do not matter. Of several spellings of one name, such
    as `mean_squared_error` and `MeanSquaredError`, the most similar one is listed.
    """
    from difflib import get_close_matches  # only for a typo

    typed = _letters(word)
    if not typed:
        return []
    spellings = {}
    for known in _by_similarity(word, words):
        spellings.setdefault(_letters(known), known)
    for names in (
        get_close_matches(typed, spellings, n=1, cutoff=0.9),
        [name for name in spellings if len(typed) > 1 and name.startswith(typed)],
        [name for name, known in spellings.items() if typed == _initials(known)],
        [name for name in spellings if len(typed) > 3 and typed in name],
        _sharing_words(word, spellings),
        get_close_matches(typed, spellings, n=1),
    ):
        if names:
            return [spellings[name] for name in names[:MOST]]
    return []


def _by_similarity(word: str, words: Iterable[str]) -> list[str]:
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(b=word)

    def similarity(known: str) -> tuple[bool, float]:
        matcher.set_seq1(known)
        return known.islower() == word.islower(), matcher.ratio()

    return sorted(words, key=similarity, reverse=True)


def _sharing_words(word: str, spellings: dict[str, str]) -> list[str]:
    """Lists the names that have the most parts in common with a word, if any."""
    parts = set(_parts(word))
    shared = {
        name: len(parts.intersection(_parts(known)))
        for name, known in spellings.items()
    }
    most = max(shared.values(), default=0)
    return [name for name, count in shared.items() if count == most > 0]


def _letters(word: str) -> str:
    """Returns a word in lower case, without separators."""
    return re.sub(r"[\W_]+", "", word).lower()


def _initials(word: str) -> str:
    """Returns the first letters of a word's parts: `rmse`."""
    return "".join(part[0] for part in _parts(word))


def _parts(word: str) -> list[str]:
    """Splits `FocalLoss`, `focal_loss` and `focal-loss` into "focal" and "loss"."""
    return [
        part.lower()
        for part in re.findall(r"[^\W_a-z]+(?![a-z])|[^\W_a-z]?[a-z]+|[^\W_]", word)
    ]
