"""Statements, their regions and the fixed order of a thought."""

import pytest
from pydantic import ValidationError

from facellm.core.evidence import (
    FACE_ORDER,
    PAIRS,
    Statement,
    Thought,
    conclude,
    line_region,
    region_fits,
    state,
    strongest,
    units_acting_in,
)
from facellm.core.facs import ACTION_UNITS
from facellm.core.regions import REGIONS


def test_face_order_holds_every_region_and_pair_once() -> None:
    assert sorted(FACE_ORDER) == sorted((*REGIONS, *PAIRS))


@pytest.mark.parametrize("number", ACTION_UNITS)
def test_the_standard_statement_about_a_unit_fits_its_region(number: int) -> None:
    statement = state(number, 3.0)
    assert region_fits(statement)
    assert statement.region not in {side for pair in PAIRS.values() for side in pair}


def test_line_regions() -> None:
    expected = {1: "brows", 6: "cheeks", 9: "nose", 11: "nasolabial_folds", 12: "mouth"}
    assert {n: line_region(n) for n in expected} == expected
    assert line_region(17) == "chin"
    assert line_region(26) == "inner_mouth"


def test_a_unit_in_a_region_where_it_does_not_act_is_kept_but_does_not_fit() -> None:
    assert not region_fits(Statement(region="forehead", text="raised", action_unit=12))
    assert region_fits(Statement(region="left_brow", text="raised", action_unit=1))


def test_a_sided_region_sets_the_side_and_contradictions_are_refused() -> None:
    assert Statement(region="left_brow", text="raised", action_unit=1).side == "left"
    with pytest.raises(ValidationError, match="contradicts"):
        Statement(region="left_brow", text="raised", action_unit=1, side="right")


@pytest.mark.parametrize(
    "fields",
    [
        {"region": "elbow"},
        {"action_unit": 99},
        {"intensity": 0.0},
        {"intensity": 5.1},
        {"text": ""},
        {"text": " padded "},
        {"text": "a; b"},
        {"text": "a\nb"},
        {"text": "a <answer>"},
    ],
)
def test_statements_outside_the_vocabulary_are_refused(fields: dict[str, object]) -> None:
    good = {"region": "mouth", "text": "open", "action_unit": 25}
    with pytest.raises(ValidationError):
        Statement.model_validate(good | fields)


def test_a_thought_is_ordered_from_top_to_bottom_and_units_take_the_strongest() -> None:
    left = Statement(region="left_brow", text="raised", action_unit=1, intensity=2.0)
    right = Statement(region="right_brow", text="raised", action_unit=1, intensity=4.0)
    thought = Thought(statements=(state(12, 3.0), left, right), absent=(9, 4, 9))
    assert [s.region for s in thought.statements] == ["right_brow", "left_brow", "mouth"]
    assert thought.absent == (4, 9)
    assert thought.units == {1: 4.0, 12: 3.0}


def test_contradictions_in_a_thought_are_refused() -> None:
    with pytest.raises(ValidationError, match="absent"):
        Thought(statements=(state(12),), absent=(12,))
    with pytest.raises(ValidationError, match="twice"):
        Thought(statements=(state(12, 1.0), state(12, 2.0)))
    with pytest.raises(ValidationError, match="conclusion"):
        Thought(conclusion="mouth: open")


def test_conclusions() -> None:
    assert conclude([12, 6], "happiness") == "AU6 + AU12 together indicate happiness."
    assert conclude([12], "happiness") == "AU12 indicates happiness."
    assert conclude([], "sadness") == "The face as a whole reads as sadness."
    assert conclude([25], "neutral") == "AU25 does not indicate an emotion."
    assert "No action unit" in conclude([], "neutral")


def test_strongest_takes_the_limit_and_breaks_ties_by_number() -> None:
    units = {1: 2.0, 4: 3.0, 6: 3.0, 12: 5.0, 25: 1.0}
    assert list(strongest(units, 3, 1.5)) == [4, 6, 12]
    assert list(strongest(units, 9, 1.5)) == [1, 4, 6, 12]
    assert strongest({}, 3, 1.5) == {}


def test_units_acting_in_a_pair_are_those_of_both_sides() -> None:
    assert units_acting_in("brows") == (1, 2, 4)
    assert set(units_acting_in("inner_mouth")) == {25, 26, 27}
