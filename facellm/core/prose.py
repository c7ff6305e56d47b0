"""The prose register of answers, written: sentences for people that cite units as `(AU12, marked)`.

`read_prose` reads what this file writes.
"""

import random
from collections.abc import Sequence

from facellm.core.clauses import ADJECTIVES, CLAUSES
from facellm.core.evidence import Statement, Thought
from facellm.core.grammar import cite

SEEN = (
    "I can see {}.", "The face shows {}.", "There is evidence of {}.", "You can see {}.",
    "Notice {}.", "What stands out is {}.", "This face has {}.", "The visible signs are {}.",
)  # fmt: skip
ABSENT = (
    "{codes} {are} absent.", "{codes} {are} not visible.", "There is no sign of {either}.",
    "I see no {phrases}.", "There are no {phrases}.",
)  # fmt: skip
AT_REST = (
    "Nothing on the face stands out.",
    "The face is at rest.",
    "No facial movement stands out.",
)
FAINT = ("Only faint movements can be seen.", "Little moves on the face.")
"""In place of `AT_REST` where units act too weakly to be stated: nothing denies them."""
PLAIN = (
    "The face looks {adjective}.", "Overall the expression reads as {adjective}.",
    "The person seems {adjective}.", "People would usually say this face looks {adjective}.",
)  # fmt: skip
LEANING_ON_ONE = ("This suggests {noun}.", "This points to {noun}.", "This indicates {noun}.")
LEANING = (
    "Together these suggest {noun}.", "These signs point to {noun}.", "These indicate {noun}.",
)  # fmt: skip
LEANING_ON_ANY = (
    "That is why the face looks {adjective}.", "So the expression shows {noun}.",
    "Taken together, the face expresses {noun}.",
)  # fmt: skip


def listing(items: Sequence[str], last: str = "and") -> str:
    """Join items as in a sentence: `a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def capitalised(text: str) -> str:
    """The text with its first letter large and the rest as it is."""
    return text[:1].upper() + text[1:]


def describe_units(statements: Sequence[Statement], rng: random.Random) -> list[str]:
    """Sentences that state each unit once with its citation, in varied patterns."""
    left = list(statements)
    result = []
    while left:
        size = min(len(left), rng.choice((1, 2, 2, 3)))
        group, left = left[:size], left[size:]
        if rng.random() < 0.5:
            parts = [f"{rng.choice(CLAUSES[s.action_unit].clauses)} {cite(s)}" for s in group]
            joined = ", while ".join(parts) if size == 2 and rng.random() < 0.3 else listing(parts)
            result.append(f"{capitalised(joined)}.")
        else:
            parts = [f"{rng.choice(CLAUSES[s.action_unit].phrases)} {cite(s)}" for s in group]
            result.append(rng.choice(SEEN).format(listing(parts)))
    return result


def describe_rest(faint: bool, rng: random.Random) -> str:
    """One sentence for a face of which no unit is stated; `faint` where weak ones act."""
    return rng.choice(FAINT if faint else AT_REST)


def describe_absent(absent: Sequence[int], rng: random.Random) -> str:
    """One sentence that says which units do not act; `absent` is not empty."""
    phrases = [
        f"{rng.choice(CLAUSES[n].phrases).removeprefix('a ').removeprefix('an ')} (AU{n})"
        for n in absent
    ]
    codes = [f"AU{n}" for n in absent]
    return rng.choice(ABSENT).format(
        codes=listing(codes),
        are="is" if len(codes) == 1 else "are",
        either=listing(codes, "or"),
        phrases=listing(phrases, "or"),
    )


def describe_emotion(emotion: str, evidence: int, rng: random.Random) -> tuple[str, bool]:
    """The sentence that names the emotion, and whether it leans on sentences before it.

    `evidence` is the number of units it may lean on; neutral never does.
    """
    leaning: tuple[str, ...] = ()
    if evidence and emotion != "neutral":
        leaning = (LEANING if evidence > 1 else LEANING_ON_ONE) + LEANING_ON_ANY
    template = rng.choice(PLAIN + leaning)
    adjective = rng.choice(ADJECTIVES[emotion])
    sentence = template.format(adjective=adjective, noun=emotion)
    return sentence, template in leaning


def render_prose(
    thought: Thought,
    emotion: str | None,
    rng: random.Random | None = None,
    supported: bool = True,
    faint: bool = False,
) -> str:
    """Write a thought and the emotion it leads to as sentences.

    Args:
        thought: statements and absent units; its conclusion is put in new words.
        emotion: canonical noun; None leaves the emotion out.
        rng: chooses among the wordings; None gives one fixed wording.
        supported: whether the statements speak for the emotion, so that words may say so.
        faint: whether units act that are too weak to be stated.
    """
    rng = rng or random.Random(0)
    parts = describe_units(thought.statements, rng) or [describe_rest(faint, rng)]
    if thought.absent:
        parts.append(describe_absent(thought.absent, rng))
    if emotion is not None:
        closing, leans = describe_emotion(emotion, len(thought.statements) * supported, rng)
        # Readers like the answer first at times; a sentence that leans on others cannot move.
        parts.insert(0 if not leans and rng.random() < 0.3 else len(parts), closing)
    return " ".join(parts)
