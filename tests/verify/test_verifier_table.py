"""Corrupted texts are caught, correct ones pass: also prose by other hands."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from data_engine.verify.__main__ import app
from data_engine.verify.check import verify
from data_engine.verify.corrupt import KINDS, cases, free_cases
from data_engine.verify.table import as_markdown, judge
from facellm.core.errors import FaceLLMError

PROSE = Path(__file__).with_name("teacher_prose.jsonl")


def test_cases_are_seeded_and_complete():
    first, second = list(cases(4)), list(cases(4))
    assert first == second != list(cases(4, seed=1))
    assert {case.kind for case in first} == set(KINDS)
    clean = {(c.face, c.form): c.text for c in first if c.kind == "clean"}
    for case in first:
        assert case.kind == "clean" or case.text != clean[case.face, case.form]


def test_template_texts_are_told_apart():
    rejected, named = {}, {}
    for case in cases(40):
        problems = verify(case.text, [case.labels]).problems
        key = (case.form, case.kind)
        rejected.setdefault(key, []).append(bool(problems))
        named.setdefault(key, []).append(any(p.kind.startswith(case.kind) for p in problems))
    for (form, kind), found in rejected.items():
        if form == "uncited":
            share = sum(found) / len(found)
            assert share <= 0.05 if kind == "clean" else share >= 0.8, (kind, share)
        elif kind == "clean":
            assert not any(found), form
        else:
            assert all(found) and all(named[form, kind]), (form, kind)


def test_prose_by_other_hands_is_told_apart():
    assert len(list(free_cases(PROSE))) >= 240
    for line in judge(free_cases(PROSE)):
        if line.kind == "clean":
            assert line.n >= 60 and line.rejected.value <= 0.15, line
        else:
            assert line.rejected.value >= 0.85, line


def test_precision_weighs_corrupted_and_clean_alike():
    lines = {line.kind: line for line in judge(free_cases(PROSE, "held_out"))}
    alarms, hits = lines["clean"].rejected.value, lines["wrong_emotion"].rejected.value
    assert lines["wrong_emotion"].precision.value == pytest.approx(hits / (hits + alarms))


def test_a_broken_line_is_named(tmp_path):
    broken = tmp_path / "prose.jsonl"
    broken.write_text(PROSE.read_text().splitlines()[0] + "\n{}\n")
    with pytest.raises(FaceLLMError, match=r"prose\.jsonl:2 "):
        list(free_cases(broken))
    with pytest.raises(FaceLLMError, match="cannot read"):
        list(free_cases(tmp_path / "none.jsonl"))


def test_the_command_prints_the_table(tmp_path):
    result = CliRunner().invoke(app, ["--faces", "3"])
    assert result.exit_code == 0 and "| prose | wrong_side | 3 |" in result.output
    result = CliRunner().invoke(app, ["--faces", "1", "--prose", str(tmp_path / "no.jsonl")])
    assert result.exit_code == 2
    assert as_markdown([]).startswith("| form")
