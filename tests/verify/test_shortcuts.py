"""What spares the verification most of its searches must spare it no finding."""

import json
from pathlib import Path

import pytest

from data_engine.shards import kind_of, kind_of_line
from data_engine.verify.forbidden import CLAIMS, HEDGES, LEAKS, suspicious
from data_engine.verify.lexicon import MERGED, UNIT_NAME_ENDS, UNIT_NAMES
from data_engine.verify.reader import _END, _parts
from facellm.core.facs import ACTION_UNITS

PROSE = [
    text
    for line in (Path(__file__).parent / "teacher_prose.jsonl").read_text().splitlines()
    for text in json.loads(line).values()
    if isinstance(text, str)
]
PHRASES = (
    "the corners of the mouth", "lip-corners", "inner ends of the brows", "innermost eyebrow",
    "outer parts of her brow", "outer brows", "sides of the eyes", "outer eye corner",
    "upper eyelids", "lower lid", "upper lips", "bottom lip", "lower lips", "nasolabial furrow",
    "smile lines", "chin boss", "towards one side", "brows rise at their outer ends",
    "stretched wide", "stretched open", "wide-open", "widely opened", "opened very widely",
    "wide-eyed", "furrow between", "pushed outwards", "crow's feet", "seen together",
    "together with", "together suggest", "rather than", "instead of", "as opposed to", "free of",
    "devoid of", "absence of", "fails to", "not only", "no doubt", "without a doubt", "no wonder",
    "no surprise that", "in no way less", "eye contact", "eye level", "close-up", "at least",
    "made up", "as far as", "action unit 4",
)  # fmt: skip


def test_no_word_is_left_unmerged_for_want_of_its_letters():
    unmatched = {pattern.pattern for _, pattern, _ in MERGED}
    for text in [*PHRASES, *(text.lower() for text in PROSE)]:
        for needed, pattern, _ in MERGED:
            if pattern.search(text):
                unmatched.discard(pattern.pattern)
                assert any(letters in text for letters in needed), (text, pattern.pattern)
    assert not unmatched, "every pattern has a phrase above"


def test_every_name_of_a_unit_holds_one_of_the_ends():
    for unit in ACTION_UNITS.values():
        assert UNIT_NAMES.search(unit.name.lower())
        assert any(end in unit.name.lower() for end in UNIT_NAME_ENDS)


@pytest.mark.parametrize(
    "between", [". ", "\n", " ", "! ", ", ", " and ", "</think> ", "\n</think>\n"]
)
def test_what_is_forbidden_is_suspicious_wherever_it_stands(between):
    plain = "The lip corners are pulled up (AU12, marked)"
    patterns = [*CLAIMS.values(), HEDGES, LEAKS]
    said = [
        "I think", "She is thinking about it", "This is John Smith", "i think>", "Sure!",
        "as an AI", "known as Marie", "in her forties", "The man smiles", "no image was",
        "according to the labels", "middle-aged", "is about to", "looks like John Smith",
    ]  # fmt: skip
    for words in said:
        text = f"<think>\n{plain}{between}{words}{between}{plain}."
        assert any(pattern.search(text) for pattern in patterns), text
        assert suspicious(text), text
    assert not suspicious(f"<think>\n{plain}{between.replace('think', '')}{plain}.\n</think>")


@pytest.mark.parametrize("tail", ["", ".", "..", " ", ". ", "!", ".\n", ".\u00a0"])
def test_plain_texts_part_where_others_do(tail):
    for text in ("One", "One. Two", "One.  Two. 3.5 three", "One . Two", ".One", "a.\u00a0B"):
        parts = [
            [part.strip() for part in way(text + tail) if part] for way in (_parts, _END.split)
        ]
        assert parts[0] == parts[1], text + tail


@pytest.mark.parametrize(
    "data",
    [
        {"id": 'a","video":"', "image": "x", "faces": []},
        {"id": "a\\", "video": "x", "frames": []},
        {"id": "é", "sample_ids": [], "messages": []},
        {"video": "x", "id": "a"},
        {"id": "a", "messages": []},
    ],
)
def test_the_kind_of_a_line_is_that_of_what_it_holds(data):
    for separators in ((",", ":"), (", ", ": ")):
        line = json.dumps(data, separators=separators) + "\n"
        assert kind_of_line(line) == kind_of(data)


def test_a_line_that_is_cut_has_no_kind():
    with pytest.raises(ValueError, match="Unterminated"):
        kind_of_line('{"id":"a","image":"x')
