"""Evidence and counterfactual pairs: hand-made answers with their arithmetic."""

import json
import random

import pytest

from eval.benchmark import Benchmark
from eval.extras import extra_metrics
from eval.faithfulness import counterfactual, counterfactual_metrics, evidence_metrics, supported
from eval.models.guess import Guess
from eval.pairs import Pair
from eval.question import Answer, Question
from eval.run import evaluate
from eval.score import score_answers
from facellm.core.evidence import Thought, state
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples
from facellm.tasks import TASKS
from facellm.tasks.reasoning import ReasoningAnswer


def face_question(corpus, name, units, emotion="happiness", subject="u", task="reasoning"):
    labels = FaceLabels(emotion=emotion, action_units=units)
    who = Provenance(source="t", licence="none", subject_id=subject)
    face = Face(box=(0, 0, 9, 9), labels=labels)
    sample = Sample(id=name, image=f"{name}.png", faces=[face], provenance=who, split="test")
    gold = TASKS[task].exchange(sample, random.Random(0)).answer
    return Question(f"{name}/1", sample, 1, corpus, "?", gold)


def said(emotion, **units):
    """A response that states AU6=3 and so on; 0 stands for no word of how strong."""
    statements = tuple(state(int(n[2:]), x or None) for n, x in units.items())
    answer = ReasoningAnswer(emotion=emotion, thought=Thought(statements=statements))
    return TASKS["reasoning"].render(answer)


def evidence(question, text):
    scored = score_answers(
        "reasoning", [question], {question.id: Answer(id=question.id, text=text)}
    )
    return {name: number.value for name, number in evidence_metrics([question], scored).items()}


def read(questions, answers):
    return score_answers("action_units", questions, answers)


UNITS = {1: 0.0, 2: 0.9, 6: 3.0, 12: 4.4, 25: 1.6}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # States 1 (absent), 2 (below a trace), 6 and 12: 2 of 4 are made up. Present at 2 or more
        # are 6 and 12, both stated. 6 is stated as 3 (right), 12 as 2 (2.4 off): 1 of 2 is off.
        (said("happiness", AU1=2, AU2=2, AU6=3, AU12=2), (0.5, 0.0, 0.5, 1.0)),
        # A step and a half is not off: 12 as 3 is 1.4 off. 6 is missed. 12 is a sign of happiness.
        (said("happiness", AU12=3), (0.0, 0.5, 0.0, 1.0)),
        # 25 at 1.6 is there, though not strong enough to be missed. Neither is a sign of sadness.
        (said("sadness", AU12=4, AU25=2), (0.0, 0.5, 0.0, 0.0)),
        # Unit 9 is not labelled: neither true nor made up, so nothing is rated.
        (said("disgust", AU9=3), (None, 1.0, None, 1.0)),
        # No word for how strong: true, and neither right nor wrong in intensity.
        (said("happiness", AU6=0), (0.0, 0.5, None, 1.0)),
        # No evidence at all, an answer of no task, and no such face: nothing stated or supported.
        ('{"emotion": "happiness"}', (None, 1.0, None, 0.0)),
        ("As a nose, I cannot say.", (None, 1.0, None, 0.0)),
        ('<answer>{"error": "no face"}</answer>', (None, 1.0, None, 0.0)),
    ],
)
def test_evidence_by_hand(tmp_path, text, wanted):
    found = evidence(face_question(tmp_path, "s", UNITS), text)
    assert found == dict(
        zip(("hallucinated", "missed", "intensity_off", "supported"), wanted, strict=True)
    )


def test_only_the_strongest_six_can_be_missed(tmp_path):
    units = {1: 2.1, 2: 2.2, 4: 2.3, 5: 2.4, 6: 3.0, 7: 3.0, 9: 3.0}  # all at 2 or more: seven
    question = face_question(tmp_path, "s", units, "fear")
    stated = said("fear", AU2=2, AU4=2, AU5=2, AU6=3, AU7=3, AU9=3)
    assert evidence(question, stated)["missed"] == 0.0
    assert evidence(question, said("fear", AU1=2))["missed"] == 1.0


@pytest.mark.parametrize(
    ("emotion", "units", "wanted"),
    [
        ("neutral", {}, True),
        ("neutral", {12: 2.0}, True),
        ("neutral", {12: 3.0}, False),
        ("sadness", {}, False),
        ("sadness", {15: 1.0}, True),
        ("sadness", {12: 5.0}, False),
    ],
)
def test_evidence_supports_an_emotion(emotion, units, wanted):
    thought = Thought(statements=tuple(state(n, x) for n, x in units.items()))
    assert supported(ReasoningAnswer(emotion=emotion, thought=thought)) is wanted


def test_an_emotion_without_any_thought_is_supported_where_it_is_neutral():
    assert supported(ReasoningAnswer(emotion="neutral"))
    assert not supported(ReasoningAnswer(emotion="anger"))


def test_missing_answers_are_left_out(tmp_path):
    question = face_question(tmp_path, "s", UNITS)
    assert all(number.n == 0 for number in evidence_metrics([question], [None]).values())


@pytest.mark.parametrize("style", ["canonical", "prose"])
def test_gold_makes_nothing_up(corpus, tmp_path, style):
    asked = Benchmark(name="b", task="reasoning", corpus=corpus, style=style)
    gold = Guess(kind="gold", task="reasoning")
    result, _ = evaluate(asked, asked.questions(), "gold", gold, tmp_path)
    assert result.metrics["hallucinated"].value == result.metrics["missed"].value == 0.0
    assert result.metrics["intensity_off"].value == 0.0
    other = Guess(kind="shuffled", task="reasoning")
    shuffled, _ = evaluate(asked, asked.questions(), "shuffled", other, tmp_path)
    assert shuffled.metrics["hallucinated"].low > 0.2 < shuffled.metrics["missed"].low


OFF, ON = {1: 0.0, 4: 2.0, 12: 0.0, 26: 3.0}, {1: 0.0, 4: 2.0, 12: 4.0, 26: 0.0}
"""AU12 is switched on; AU26 goes along, so that only 1 and 4 must stay."""


@pytest.mark.parametrize(
    ("off", "on", "wanted"),
    [
        # Absent, then present: flipped, risen. 1 stays, 4 moves by 2 of 1 allowed: 1 of 2 stayed.
        ('{"AU4": 1}', '{"AU4": 3, "AU12": 2}', (1.0, 1.0, 0.5)),
        # Called present in both: not flipped, though it rises. One step does not count as moving.
        ('{"AU12": 2, "AU4": 2}', '{"AU12": 3, "AU4": 1, "AU1": 1}', (0.0, 1.0, 1.0)),
        # A trace is not present: not flipped, though it rises. 26 may change as it likes.
        ('{"AU26": 5}', '{"AU12": 1}', (0.0, 1.0, 1.0)),
        ('{"AU12": 4}', "{}", (0.0, 0.0, 1.0)),
        ("{}", "{}", (0.0, 0.0, 1.0)),
        # An answer that cannot be parsed flips nothing and keeps nothing.
        ("I see a nose.", '{"AU12": 4}', (0.0, 0.0, 0.0)),
        ("{}", '<answer>{"error": "no face"}</answer>', (0.0, 0.0, 0.0)),
    ],
)
def test_counterfactual_pairs_by_hand(tmp_path, off, on, wanted):
    questions = [
        face_question(tmp_path, name, units, task="action_units")
        for name, units in (("a", OFF), ("b", ON))
    ]
    answers = {
        q.id: Answer(id=q.id, text=text) for q, text in zip(questions, (off, on), strict=True)
    }
    [found] = counterfactual([Pair(12, "a", "b")], questions, read(questions, answers))
    assert (found.flipped, found.direction, found.stayed) == wanted


def test_pairs_of_which_one_is_not_answered_do_not_count(tmp_path):
    questions = [
        face_question(tmp_path, name, OFF, task="action_units") for name in ("a", "b", "c")
    ]
    pairs = [Pair(12, "a", "b"), Pair(12, "a", "elsewhere"), Pair(4, "a", "c")]
    answers = {
        "a/1": Answer(id="a/1", text="{}"),
        "b/1": Answer(id="b/1", text=None, error="gone"),
        "c/1": Answer(id="c/1", text='{"AU4": 3}'),
    }
    numbers = counterfactual_metrics(counterfactual(pairs, questions, read(questions, answers)))
    assert {name: (i.value, i.n) for name, i in numbers.items()} == {
        "flipped": (1.0, 1),
        "direction": (1.0, 1),
        "stayed": (1.0, 1),
        "flipped/AU4": (1.0, 1),
    }
    assert counterfactual_metrics([])["flipped"].value is None


@pytest.fixture
def pairs(tmp_path):
    """Ten pairs of five people, half about AU4 and half about AU12."""
    samples, lines = [], []
    for n in range(10):
        unit = (4, 12)[n % 2]
        for state_, units in (("off", OFF), ("on", ON if unit == 12 else OFF | {4: 4.0})):
            units = units if state_ == "on" else units | {unit: 0.0}
            question = face_question(tmp_path, f"{n}{state_}", units, subject=f"u{n % 5}")
            samples.append(question.sample)
        lines.append(json.dumps({"unit": unit, "off": f"{n}off", "on": f"{n}on"}))
    write_samples(tmp_path / "samples.jsonl", samples)
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_gold_flips_every_pair_and_the_commonest_answer_none(pairs):
    asked = Benchmark(name="b", task="action_units", corpus=pairs)
    gold = Guess(kind="gold", task="action_units")
    result, _ = evaluate(asked, asked.questions(), "gold", gold, pairs)
    for name in ("pair_flipped", "pair_direction", "pair_stayed", "pair_flipped/AU12"):
        assert result.metrics[name].value == 1.0
    assert (result.metrics["pair_flipped"].n, result.metrics["pair_flipped"].subjects) == (10, 5)
    same = Guess(kind="majority", task="action_units")
    result, _ = evaluate(asked, asked.questions(), "majority", same, pairs)
    assert result.metrics["pair_flipped"].value == 0.0
    assert result.metrics["pair_stayed"].value == 1.0


def test_only_what_a_benchmark_allows_is_measured(corpus, pairs):
    for task, folder, wanted in (
        ("expression", corpus, set()),
        ("action_units", corpus, set()),
        ("reasoning", pairs, {"hallucinated", "missed", "intensity_off", "supported"}),
        ("action_units", pairs, {"pair_flipped", "pair_direction", "pair_stayed"}),
    ):
        asked = Benchmark(name="b", task=task, corpus=folder, grounding=True)
        assert (
            set(extra_metrics(asked, asked.questions(), [None] * len(asked.questions()), None))
            == wanted
        )
