"""The prose register: what is written is read back, and nothing is read that is not there."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facellm.core.clauses import ADJECTIVES, CLAUSES, REGION_WORDS
from facellm.core.emotions import ALIASES, EMOTIONS
from facellm.core.evidence import FACE_ORDER, Thought, region_fits, state
from facellm.core.facs import ACTION_UNITS
from facellm.core.grammar import ParseFailure
from facellm.core.prose import render_prose
from facellm.core.read_prose import named_emotion, negated, parse_prose


def _read(text: str) -> Thought:
    thought = parse_prose(text)
    assert isinstance(thought, Thought), thought
    return thought


def test_every_wording_names_a_region_where_the_unit_acts() -> None:
    assert set(CLAUSES) == set(ACTION_UNITS)
    for number, wording in CLAUSES.items():
        for words in (*wording.clauses, *wording.phrases):
            statement = _read(f"I see {words} (AU{number}, slight).").statements[0]
            assert region_fits(statement), words
            assert not negated(words)


def test_tables_use_the_vocabulary() -> None:
    assert set(REGION_WORDS.values()) <= set(FACE_ORDER)
    assert set(ADJECTIVES) == set(EMOTIONS)
    assert all(ALIASES[a] == noun for noun, words in ADJECTIVES.items() for a in words)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(ACTION_UNITS)), st.integers(1, 5), max_size=7),
    st.sets(st.sampled_from(sorted(ACTION_UNITS)), max_size=3),
    st.sampled_from(EMOTIONS),
    st.integers(0, 10**6),
)
def test_prose_round_trip(units: dict[int, int], absent: set[int], emotion: str, seed: int) -> None:
    thought = Thought(
        statements=tuple(state(n, float(v)) for n, v in units.items()),
        absent=tuple(absent - set(units)),
    )
    text = render_prose(thought, emotion, random.Random(seed))
    read = _read(text)
    assert read.units == thought.units
    assert read.absent == thought.absent
    assert all(region_fits(s) for s in read.statements)
    assert named_emotion(text) == emotion


def test_prose_varies_with_the_seed_and_is_fixed_without() -> None:
    thought = Thought(statements=(state(6, 2.0), state(12, 4.0)), absent=(4,))
    texts = {render_prose(thought, "happiness", random.Random(i)) for i in range(60)}
    assert len(texts) > 40
    assert len({" ".join(text.split()[:2]) for text in texts}) >= 8
    assert render_prose(thought, "happiness") == render_prose(thought, "happiness")


def test_the_region_is_the_first_that_the_clause_names_as_a_whole_word() -> None:
    thought = _read("The left eyebrow (AU2, slight) and the forehead (AU1) move, lipstick (AU12).")
    assert [(s.action_unit, s.region, s.side) for s in thought.statements] == [
        (1, "forehead", None),
        (2, "left_brow", "left"),
        (12, "mouth", None),
    ]


@pytest.mark.parametrize(
    ("text", "units", "absent"),
    [
        ("The nose is wrinkled (AU9, marked).", {9}, ()),  # "no" is in "nose"
        ("A noticeable knot between the brows (AU4).", {4}, ()),  # and in "noticeable", "knot"
        ("Another sign: the eyes (AU5).", {5}, ()),  # "yes" is in "eyes", "not" in "another"
        ("There is no smile (AU12).", set(), (12,)),
        ("The lip corners are not pulled up (AU12).", set(), (12,)),
        ("The lip corners aren’t pulled up (AU12).", set(), (12,)),
        ("No smile (AU12), but the brows are knitted (AU4).", {4}, (12,)),
        ("The brows are knitted (AU4) without a wrinkled nose (AU9).", {4}, (9,)),
        ("I see no smile (AU12) or raised cheeks (AU6).", set(), (6, 12)),
        ("I see no smile (AU12), raised cheeks (AU6) or dimples (AU14).", set(), (6, 12, 14)),
        ("Not only the cheeks (AU6) but the lip corners (AU12) rise.", {6, 12}, ()),
        ("There is no doubt that the cheeks are raised (AU6).", {6}, ()),
        ("AU12 is absent. AU6 and AU4 are not visible.", set(), (4, 6, 12)),
        ("There is no sign of AU1, AU2 or AU4.", set(), (1, 2, 4)),
        ("The smile (AU12) is absent.", set(), (12,)),
        ("The lip corners go up (AU12, marked). Again, the lip corners (AU12).", {12}, ()),
        ("Are the brows raised (AU1)? The lips are parted (AU25).", {25}, ()),
        ("AU1 is not AU12 and not AU10.", set(), ()),
        ("A person smiles.", set(), ()),
    ],
)
def test_what_is_stated_and_what_is_denied(
    text: str, units: set[int], absent: tuple[int, ...]
) -> None:
    thought = _read(text)
    assert set(thought.units) == units
    assert thought.absent == absent


@pytest.mark.parametrize("code", [1, 10, 12])
def test_codes_that_begin_alike_are_told_apart(code: int) -> None:
    assert set(_read(f"Something moves (AU{code}).").units) == {code}


@pytest.mark.parametrize(
    "text",
    [
        "Something moves (AU99).",
        "Lips (AU25, enormous).",
        "Cheeks and lips (AU6 + AU12).",
        "Lips (see AU12).",
        "The lip corners are up (AU12). AU12 is absent.",
    ],
)
def test_prose_that_cannot_be_read_surely(text: str) -> None:
    assert isinstance(parse_prose(text), ParseFailure)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80) | st.text("(AU12,) no.orand", max_size=40))
def test_any_text_is_read_or_refused_without_an_exception(text: str) -> None:
    parse_prose(text)
    named_emotion(text)


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("This person looks unhappy.", "sadness"),  # "happy" is in "unhappy"
        ("She seems quite surprised.", "surprise"),
        ("Is he happy? He looks sad.", "sadness"),
        ("The face is calm. It reads as neutral.", "neutral"),
        ("Together these signs point to fear.", "fear"),
    ],
)
def test_emotions_named_in_sentences(text: str, emotion: str) -> None:
    assert named_emotion(text) == emotion


@pytest.mark.parametrize(
    "text",
    [
        "",
        "This person looks unhappily married.",
        "The saddle is brown.",
        "She looks happy or surprised.",
        "He does not look happy.",
        "He isn't sad.",
        "Is this person happy?",
        "Happy birthday!",
        "He looks dis and con.",
    ],
)
def test_emotions_are_not_guessed(text: str) -> None:
    assert isinstance(named_emotion(text), ParseFailure)
