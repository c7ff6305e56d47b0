"""The task register: round trips, and every way to be outside the grammar."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facellm.core.evidence import FACE_ORDER, FORBIDDEN_IN_TEXT, SIDES, Statement, Thought
from facellm.core.facs import ACTION_UNITS
from facellm.core.grammar import (
    ParseFailure,
    Response,
    parse_answer,
    parse_response,
    parse_think,
    render_answer,
    render_response,
    render_think,
)

_texts = (
    st.text(st.characters(exclude_characters=FORBIDDEN_IN_TEXT, codec="utf-8"), min_size=1)
    .map(str.strip)
    .filter(bool)
)


@st.composite
def _statements(draw: st.DrawFn) -> Statement:
    region = draw(st.sampled_from(FACE_ORDER))
    side = draw(st.none() | st.sampled_from(SIDES))
    return Statement(
        region=region,
        text=draw(_texts),
        action_unit=draw(st.sampled_from(sorted(ACTION_UNITS))),
        intensity=draw(st.none() | st.integers(1, 5).map(float)),
        side=None if region.partition("_")[0] in SIDES else side,
    )


@st.composite
def _thoughts(draw: st.DrawFn) -> Thought:
    statements = draw(
        st.lists(_statements(), max_size=6, unique_by=lambda s: (s.region, s.action_unit, s.side))
    )
    stated = {s.action_unit for s in statements}
    absent = draw(st.sets(st.sampled_from(sorted(ACTION_UNITS)), max_size=3))
    conclusion = st.text(st.characters(exclude_characters=":<>\r\n", codec="utf-8"), min_size=1)
    return Thought(
        statements=tuple(statements),
        absent=tuple(absent - stated),
        conclusion=draw(conclusion.map(str.strip).filter(bool)),
    )


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_answers = st.dictionaries(st.text(), _json, max_size=4)

THINK = """<think>
brows: inner corners raised (AU1, marked); drawn together (AU4, slight)
mouth: corners pulled down (AU15, pronounced)
absent: AU12
AU1 + AU4 + AU15 together indicate sadness.
</think>"""
ANSWER = '<answer>{"emotion": "sadness"}</answer>'


@settings(max_examples=40, deadline=None)
@given(_thoughts())
def test_think_round_trip(thought: Thought) -> None:
    assert parse_think(render_think(thought)) == thought


@settings(max_examples=40, deadline=None)
@given(_answers)
def test_answer_round_trip(answer: dict[str, object]) -> None:
    assert parse_answer(render_answer(answer)) == answer


@settings(max_examples=40, deadline=None)
@given(st.none() | _thoughts(), _answers)
def test_response_round_trip(thought: Thought | None, answer: dict[str, object]) -> None:
    text = render_response(thought, answer)
    assert parse_response(text) == Response(thought=thought, answer=answer)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | st.text('<think>answer/{}":AU12(),; \n', max_size=60))
def test_any_text_is_read_or_refused_without_an_exception(text: str) -> None:
    for parse in (parse_think, parse_answer, parse_response):
        parse(text)


def test_the_example_of_the_documentation_reads_and_renders_as_it_stands() -> None:
    thought = parse_think(THINK)
    assert isinstance(thought, Thought)
    assert thought.units == {1: 3.0, 4: 2.0, 15: 4.0}
    assert thought.absent == (12,)
    assert render_think(thought) == THINK


def test_sides_are_written_where_the_region_does_not_tell() -> None:
    mouth = Statement(region="mouth", text="pulled up", action_unit=12, intensity=2.0, side="left")
    fold = Statement(region="left_nasolabial", text="deepened", action_unit=11, intensity=1.0)
    text = render_think(Thought(statements=(mouth, fold)))
    assert "mouth: pulled up (AU12, slight, left)" in text
    assert "left nasolabial fold: deepened (AU11, trace)\n" in text


def test_numbers_lose_a_needless_fraction_and_tags_in_strings_are_escaped() -> None:
    assert render_answer({"AU12": 3.0, "AU6": 2.5}) == '<answer>{"AU12": 3, "AU6": 2.5}</answer>'
    text = render_answer({"a": "</answer>"})
    assert text.count("</answer>") == 1
    assert parse_answer(text) == {"a": "</answer>"}
    with pytest.raises(ValueError):
        render_answer({"a": float("nan")})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("elbow: bent (AU1, marked)", "not a face region"),
        ("mouths: open (AU25)", "not a face region"),
        ("mouth: open (AU99)", "not a known action unit"),
        ("mouth: open (AU025)", "is not 'what is seen"),
        ("mouth: open AU25", "is not 'what is seen"),
        ("mouth: (AU25)", "is not 'what is seen"),
        ("mouth: open (AU25, huge)", "neither an intensity nor a side"),
        ("mouth: open (AU25, left, marked)", "neither an intensity nor a side"),
        ("mouth: open (AU25) and wide (AU27)", "is not 'what is seen"),
        ("mouth: open (AU25); open (AU25)", "stated twice"),
        ("left brow: raised (AU1, marked, right)", "contradicts"),
        ("absent: AU12, smile", "not a list of action units"),
        ("absent: AU99", "not an action unit"),
        ("mouth: corners up (AU12)\nabsent: AU12", "absent"),
        ("This is sad\nmouth: open (AU25)", "has no region"),
        ("", "empty"),
    ],
)
def test_think_blocks_outside_the_grammar(line: str, reason: str) -> None:
    failure = parse_think(f"<think>\n{line}\n</think>")
    assert isinstance(failure, ParseFailure)
    assert reason in failure.reason
    assert "\n" not in failure.reason


@pytest.mark.parametrize(
    "body",
    [
        "",
        "sadness",
        '["sadness"]',
        "{'emotion': 'sadness'}",
        '{"emotion": "sadness"} // sure',
        '{"emotion": "sadness", /* sure */ "a": 1}',
        '{"emotion": "sadness",}',
        '{"emotion": NaN}',
        '{"emotion": "joy", "emotion": "sadness"}',
        '{"emotion": "sadness"} {"emotion": "joy"}',
        '```json\n{"emotion": "sadness"}\n```',
        "[" * 5000,
    ],
)
def test_answers_that_are_no_json_object(body: str) -> None:
    failure = parse_answer(f"<answer>{body}</answer>")
    assert isinstance(failure, ParseFailure)
    assert failure.text == f"<answer>{body}</answer>"


@pytest.mark.parametrize(
    "text",
    [
        "",
        THINK,
        ANSWER + ANSWER,
        ANSWER + "\n" + THINK,
        THINK + THINK + ANSWER,
        f"<think>{THINK}</think>{ANSWER}",
        f"<think>\n<answer>x</answer>\n</think>\n{ANSWER}",
        f"<answer>{ANSWER}</answer>",
        f"Sure! {ANSWER}",
        f"{ANSWER} Hope this helps.",
        f"{THINK} so {ANSWER}",
        ANSWER.removesuffix("</answer>"),
        THINK.removesuffix("</think>") + ANSWER,
        ANSWER.upper(),
    ],
)
def test_responses_outside_the_grammar(text: str) -> None:
    assert isinstance(parse_response(text), ParseFailure)


def test_an_answer_without_thought_is_a_response() -> None:
    response = parse_response(f"\n {ANSWER}\n")
    assert response == Response(thought=None, answer={"emotion": "sadness"})
