"""Open words, captions and event order: known answers by hand, overlap against its libraries."""

import json

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_bleu

from eval.metrics.captions import fact_agreement, facts_of, overlap, rege, stated_facts
from eval.metrics.events import event_order, lcs, sequence_scores
from eval.metrics.open_vocabulary import hit_rate, read_wheels, wheel_sets
from facellm.core.errors import FaceLLMError
from facellm.tasks.caption import CaptionAnswer, CaptionTask

WHEELS = {
    "wheels": {
        "one": {"joy": ["happy", "glad"], "fear": ["afraid"]},
        "two": {"good": ["happy"], "bad": ["afraid", "sad"]},
    },
    "forms": {"happiness": "happy", "sadness": "sad"},
    "synonyms": {"cheerful": "happy"},
}


@pytest.fixture
def wheels(tmp_path):
    path = tmp_path / "wheels.json"
    path.write_text(json.dumps(WHEELS))
    return read_wheels(path)


def test_hit_rate_by_hand(wheels):
    told = [["Happiness", "calm"], ["sad"], None, ["cheerful"]]
    gold = ["happy", "fear", "sad", "happy"]
    plain = hit_rate(told, gold, list("abcd"))
    assert plain["hit"].value == 0.0
    mapped = hit_rate(told, gold, list("abcd"), wheels)
    assert mapped["hit"].value == 0.5
    assert mapped["answered"].value == 0.75
    assert mapped["words"].value == 1.0  # 2 + 1 + 0 + 1 words over 4 samples


def test_wheel_sets_by_hand(wheels):
    # Wheel one: gold {joy}, {fear}, {} (sad is on wheel two only; left out there).
    #   told {joy}, {joy}, {fear} → P 1, 0; R 1, 0 → means 1/2, 1/2 → F 1/2.
    # Wheel two: gold {good}, {bad}, {bad}; told {good}, {good, bad}, {bad}
    #   P 1, 1/2, 1 → 5/6; R 1, 1, 1 → 1; F = 2·(5/6) / (11/6) = 10/11.
    told = [["cheerful", "zesty"], ["happy", "sadness"], ["afraid"]]
    gold = [["glad", "happy"], ["afraid"], ["sad"]]
    found = wheel_sets(told, gold, list("abc"), wheels)
    assert found["f/one"].value == pytest.approx(1 / 2)
    assert found["f/two"].value == pytest.approx(10 / 11)
    assert found["f"].value == pytest.approx((1 / 2 + 10 / 11) / 2)
    assert found["precision"].value == pytest.approx((1 / 2 + 5 / 6) / 2)
    assert found["known"].value == pytest.approx(4 / 5)


def test_an_empty_prediction_scores_zero_on_the_wheels(wheels):
    found = wheel_sets([None, ["zesty"]], [["happy"], ["happy"]], ["a", "b"], wheels)
    assert found["f"].value == 0.0
    assert found["known"].value == 0.0 and found["known"].n == 1


def test_wheel_files_that_are_none(tmp_path):
    with pytest.raises(FaceLLMError, match="no emotion wheels at"):
        read_wheels(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('{"wheels": {}}')
    with pytest.raises(FaceLLMError, match="holds no emotion wheels"):
        read_wheels(tmp_path / "bad.json")


def gold_caption(**labels) -> CaptionAnswer:
    return CaptionAnswer.model_validate(labels)


def test_facts_by_hand():
    # Sample 1: told AU6 AU12 + happiness; gold AU12 AU25 + happiness: units 1/2, 1/2.
    #   AU9 is unrated and AU7 optional: neither counts.
    # Sample 2: unreadable; gold AU4 + anger → recall suffers alone.
    # All facts: hits 2, said 3, real 5.
    told = [{"AU6", "AU12", "AU9", "AU7", "emotion:happiness"}, None]
    gold = [
        gold_caption(
            emotion="happiness", units={12: 3, 25: 2}, rated=(6, 7, 12, 25), optional=(7,)
        ),
        gold_caption(emotion="anger", units={4: 3}, rated=(4,)),
    ]
    found = fact_agreement(told, gold, ["a", "b"])
    assert found["facts/precision"].value == pytest.approx(2 / 3)
    assert found["facts/recall"].value == pytest.approx(2 / 5)
    assert found["facts/f1"].value == pytest.approx(4 / 8)
    assert found["units/precision"].value == pytest.approx(1 / 2)
    assert found["units/recall"].value == pytest.approx(1 / 3)
    assert found["emotion/precision"].value == 1.0
    assert found["emotion/recall"].value == 0.5
    assert found["pose/f1"].value is None
    assert found["readable"].value == 0.5


def test_gold_captions_state_their_own_facts():
    gold = gold_caption(
        emotion="happiness", units={6: 3.0, 12: 4.0}, pose=frozenset({"turned left"})
    )
    text = CaptionTask().render(gold)
    assert stated_facts(text) == facts_of(gold)
    found = fact_agreement([stated_facts(text)], [gold], ["a"])
    assert found["facts/f1"].value == 1.0
    assert stated_facts("") is None


TEXTS = [
    "the corners of the mouth are raised and the face looks happy",
    "the brows are lowered",
    "a face at rest with nothing that stands out",
]
REFERENCES = [
    "the lip corners are pulled up and the face looks happy",
    "the brows are lowered and drawn together",
    "a face at rest",
]


def test_overlap_agrees_with_its_libraries():
    found = overlap(TEXTS, REFERENCES, list("abc"))
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    rouge = [scorer.score(r, t)["rougeL"].fmeasure for t, r in zip(TEXTS, REFERENCES, strict=True)]
    assert found["rouge_l"].value == pytest.approx(sum(rouge) / 3)
    assert found["bleu"].value == pytest.approx(corpus_bleu(TEXTS, [REFERENCES]).score / 100)
    assert overlap(REFERENCES, REFERENCES, list("abc"))["bleu"].value == pytest.approx(1.0)
    assert overlap([None] * 3, REFERENCES, list("abc"))["rouge_l"].value == 0.0
    with pytest.raises(FaceLLMError, match="reference text is empty"):
        overlap(["x"], [" "], ["a"])


def test_rouge_by_hand():
    # LCS of "brows are lowered now" and "brows lowered" is 2: P 2/4, R 2/2, F 2/3.
    found = overlap(["brows are lowered now"], ["brows lowered"], ["a"])
    assert found["rouge_l"].value == pytest.approx(2 / 3)


def test_rege_adds_recognition_and_generation():
    # Recognition 1/2; texts equal and empty → ROUGE-L 1 and 0 → 1/2; REGE = 100·(1/2 + 1/2).
    found = rege([1.0, 0.0], ["brows lowered", None], ["brows lowered", "x y"], ["a", "b"])
    assert found["rege"].value == pytest.approx(100.0)
    assert found["generation"].value == 0.5


def test_event_order_by_hand():
    true = ["brows raised", "mouth opens", "smile"]
    # Told swapped: all events (F1 1); pairs 1-2 wrong, 1-3 and 2-3 right → 2/3; LCS 2 → 4/6.
    assert sequence_scores(["mouth opens", "Brows  raised", "smile"], true) == pytest.approx(
        (1.0, 2 / 3, 2 / 3)
    )
    # One told of three: events 2·1/4, no pair, LCS 1 → 2/4.
    assert sequence_scores(["smile"], true) == pytest.approx((0.5, 0.0, 0.5))
    assert sequence_scores(true, true) == (1.0, 1.0, 1.0)
    assert sequence_scores([], true)[0] == 0.0
    assert sequence_scores(true[::-1], true) == pytest.approx((1.0, 0.0, 1 / 3))
    assert sequence_scores(["smile", "smile"], ["smile"])[0] == pytest.approx(2 / 3)
    assert lcs("abcbdab", "bdcaba") == 4  # Cormen et al., figure 15.8


def test_event_order_over_clips():
    found = event_order([["a", "b"], None, []], [["a", "b"], ["a", "b"], []], list("xyz"))
    assert found["events"].value == pytest.approx(2 / 3)
    assert found["relations"].value == 0.5 and found["relations"].n == 2
    assert event_order([None], [[]], ["x"])["events"].value == 0.0
