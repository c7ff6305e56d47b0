"""The intensity written behind an action unit: a number, a FACS letter, a word, present or not."""

import re

from eval.read.lexicon import word_set
from eval.read.words import EMOTIONS_IN_WORDS
from facellm.core.facs import INTENSITY_WORDS, MAX_INTENSITY

Value = float | None

LETTERS = {letter: float(step) for step, letter in enumerate("ABCDE", 1)}
WORDS: dict[str, Value] = {
    **{word: float(step) for step, word in enumerate(INTENSITY_WORDS, 1)},
    **{word: float(n) for n, word in enumerate(("zero", "one", "two", "three", "four", "five"))},
    "absent": 0.0, "inactive": 0.0, "no": 0.0, "false": 0.0, "off": 0.0, "none": 0.0,
    "not present": 0.0, "not active": 0.0,
    "present": None, "active": None, "yes": None, "true": None, "on": None,
}  # fmt: skip
"""What a word behind a unit says; None is presence without an intensity."""

BESIDE = word_set(
    """
    a b c d e weak mild moderate strong severe pronounced marked extreme action actions unit units
    active activated activation inactive intensity strength code codes coded scored score
    corresponds corresponding name description yes no scale out trace total maximum list facs
    l'intensité intensité intensität intensidad stärke mit à con aktiv aktive sichtbar unités
    actives visibles observan detectan unidades acción acciones son activas activos activadas
    activados activées activés aktiviert aktivierte aktiven aktionseinheiten niveau nivel stufe hat
    """
).union(EMOTIONS_IN_WORDS, WORDS)
"""Words that may stand beside units."""
_LINK = re.compile(
    r"(?:[\s:=|(\[~≈→]|->|[-–—]\s"
    rf"|,(?=\s*(?:at|with|intensity|strength|level|{'|'.join(INTENSITY_WORDS)})\b)"
    r"|\b(?:is|at|with|has|an?|intensity|strength|level|of|about|around|approximately|roughly|"
    r"rated|graded|mit|bei|liegt|ist|hat|die|eine|une|una|tiene|Stufe|niveau|nivel|Intensität|Stärke|intensité|est|intensidad|es|de|con|avec)\b"
    r"|\)(?=\s*(?:(?:is|at)\b|[:=]))|\s*的?\s*强度\s*[为是]?|为"
    r"|(?:[a-z]+\s+){1,2}(?=\(\s*[0-9]))+",
)
_NUMBER = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+|,[0-9]+(?![0-9.]))?)(?![0-9A-Za-z])")
_OF_FIVE = re.compile(r"\s*\(?(?:/|(?:out )?of)\s*5(?![0-9])\)?")
_UNSURE = re.compile(r"\s*(?:%|/|[-–]\s*[0-9]|\bto\s+[0-9]|\bor\s+\w|\+|out of)")
_WORD = re.compile(
    rf"({'|'.join(sorted(WORDS, key=len, reverse=True))})(?![A-Za-z]|\s+(?:AU|sign))", re.I
)
_LETTER = re.compile(r"([A-E])(?![A-Za-z0-9])")
_IN_PARENTHESES = re.compile(r"\s*\(\s*([A-E])\s*\)")
_OTHER_LETTER = re.compile(r"\s*(?:[-–/]|\bto\b|\bor\b)\s*[A-E](?![A-Za-z0-9])")


def number_of(text: str) -> float:
    """A number with a point or a comma as its decimal mark."""
    return float(text.replace(",", "."))


def value_behind(rest: str) -> tuple[Value | str, int]:
    """The value that follows a unit and how many characters it takes.

    Returns:
        The intensity, None for none, or as text the reason why what stands there is no intensity.
    """
    link = _LINK.match(rest)
    if link is None:
        return None, 0
    place = link.end()
    if match := _NUMBER.match(rest, place):
        end = match.end()
        if five := _OF_FIVE.match(rest, end):
            end = five.end()
        elif _UNSURE.match(rest, end):
            return f"{rest[place : end + 4]!r} is no intensity from 0 to 5", end
        value = number_of(match[1])
        letter = _IN_PARENTHESES.match(rest, end)
        if letter and abs(LETTERS[letter[1]] - value) > 0.5:
            return f"{rest[place : letter.end()]!r} are two intensities", end
        if not 0.0 <= value <= MAX_INTENSITY:
            return f"an intensity of {value:g}; expected 0 to 5", end
        return value, end
    if match := _WORD.match(rest, place):
        return WORDS[match[1].lower()], match.end()
    match = _LETTER.match(rest, place)
    if match and not link[0].isspace():
        if _OTHER_LETTER.match(rest, match.end()):
            return f"{rest[place : match.end() + 4]!r} is no single intensity", match.end()
        return LETTERS[match[1]], match.end()
    return None, 0


def listed_units(
    first: re.Match[str], more: re.Pattern[str], sentence: str
) -> tuple[list[tuple[int, Value]], int]:
    """The numbers of `AUs 1, 2 and 4` or `AU1+2`, each with its letter, and where they end."""
    numbers = [(int(first[1][:4]), LETTERS.get((first[2] or "").upper()))]
    end = first.end()
    while match := more.match(sentence, end):
        numbers.append((int(match[1][:4]), LETTERS.get((match[2] or "").upper())))
        end = match.end()
    return numbers, end
