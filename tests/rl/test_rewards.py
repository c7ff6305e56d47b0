"""Every reward against arithmetic done by hand, and against what models do to be paid for nothing.

The face of most tests smiles: AU6 at 3, AU12 at 4, AU25 at 1, all other units of the rig at 0. So
the gold evidence is {AU6, AU12}, AU25 is optional (0.5 to 1.5), and AU1, AU4 and so on are absent.
"""

import pytest
from rl_samples import full, sample

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import check
from facellm.core.sample import FaceLabels
from facellm.tasks import TASKS
from rl.rewards import (
    Truth,
    au_f1,
    au_intensity,
    consistency,
    expression,
    grammar,
    grounding,
    hallucination,
    length,
    repetition,
    score,
    wording,
)
from rl.rubric import Rubric

SMILE = full("happiness", AU6=3.0, AU12=4.0, AU25=1.0)
CHEEKS = "cheeks: raised towards the eyes (AU6, marked)"
CORNERS = "mouth: corners pulled up (AU12, pronounced)"
BROWS = "brows: lowered and drawn together (AU4, slight)"
CLOSING = "AU6 + AU12 together indicate happiness."


def truth(task: str = "reasoning", labels: FaceLabels = SMILE) -> str:
    return Truth(task=task, sample=sample(labels)).dump()


def said(*lines: str, emotion: str = "happiness") -> str:
    return "\n".join(["<think>", *lines, f'</think>\n<answer>{{"emotion": "{emotion}"}}</answer>'])


def one(reward, text: str, row: str | None = None, **options) -> float | None:
    return reward([[{"role": "assistant", "content": text}]], truth=[row or truth()], **options)[0]


GOLD = said(CHEEKS, CORNERS, CLOSING)
PLAIN = (
    au_f1,
    au_intensity,
    consistency,
    expression,
    grammar,
    grounding,
    hallucination,
    score,
    wording,
)


@pytest.mark.parametrize("reward", PLAIN)
@pytest.mark.parametrize("task", ["reasoning", "action_units", "expression", "caption"])
@pytest.mark.parametrize(
    "labels",
    [SMILE, full("sadness", AU1=2.0, AU4=1.7, AU15=5.0), full("neutral"), full("fear", AU17=3.0)],
)
def test_gold_gets_everything_and_nonsense_nothing(reward, task, labels):
    row = truth(task, labels)
    gold = Truth.model_validate_json(row).exchange().text
    assert one(reward, gold, row) in (None, pytest.approx(1.0))
    for nonsense in ("", "<think></think>", "<answer>{</answer>", "<think><think></think>"):
        assert one(reward, nonsense, row) in (None, 0.0), nonsense


@pytest.mark.parametrize("reward", PLAIN)
@pytest.mark.parametrize(
    ("task", "labels"),
    [
        *((task, SMILE) for task in ("reasoning", "action_units", "expression", "caption")),
        *((task, FaceLabels(emotion="anger")) for task in ("expression", "caption")),
        *((task, full(AU4=3.0)) for task in ("action_units", "caption")),
    ],
)
def test_whether_a_row_is_scored_depends_on_the_row_alone(reward, task, labels):
    texts = (GOLD, said(BROWS), said(), "", "Happy.", '<answer>{"AU4": 3}</answer>', "no AU12")
    scored = {one(reward, text, truth(task, labels)) is None for text in texts}
    assert len(scored) == 1


@pytest.mark.parametrize(
    ("lines", "f1"),
    [
        ((CHEEKS, CORNERS), 1.0),
        ((CHEEKS,), 2 / 3),  # P=1, G=2, hit=1: 2·1/(1+2)
        ((CHEEKS, CORNERS, BROWS), 4 / 5),  # P=3, G=2, hit=2
        ((BROWS,), 0.0),
        (("mouth: lips parted (AU25, trace)", CHEEKS, CORNERS), 1.0),  # optional
        ((CHEEKS, "absent: AU12"), 2 / 4),  # hit=1, P=1, G=2, and AU12 denied: one more error
        ((CHEEKS, CORNERS, "absent: AU1, AU4"), 1.0),  # rightly absent: neither hit nor error
        (("mouth: corners pulled up (AU12)", CHEEKS), 1.0),  # no intensity word: present
        (("mouth: corners pulled up (AU12, trace)", CHEEKS), 2 / 3),  # a trace is not present
    ],
)
def test_au_f1_of_the_evidence(lines, f1):
    assert one(au_f1, said(*lines)) == pytest.approx(f1)


def test_units_that_are_denied_never_count_as_seen():
    """The published reward finds `AU6` and `AU12` in this text and pays 1.0."""
    assert one(au_f1, said("absent: AU6, AU12")) == 0.0
    caption = "There is no AU6 and no AU12. The face looks neutral."
    assert one(au_f1, caption, truth("caption")) == 0.0


def test_au_f1_counts_the_units_of_its_protocol_alone():
    labels = full("anger", AU4=4.0, AU24=3.0)  # AU24 is in bp4d12, not in disfa12
    text = said("brows: lowered and drawn together (AU4, pronounced)", emotion="anger")
    row = truth(labels=labels)
    assert one(au_f1, text, row, protocol="disfa12") == 1.0
    assert one(au_f1, text, row, protocol="bp4d12") == pytest.approx(2 / 3)
    assert one(au_f1, text, row, protocol="disfa12", over="answer") is None
    with pytest.raises(FaceLLMError, match="did you mean disfa12"):
        one(au_f1, text, row, protocol="disfa21")


def test_au_f1_of_an_answer_leaves_out_what_is_not_labelled():
    labels = FaceLabels(action_units={6: 3.0, 12: 0.0})
    row = truth("action_units", labels)
    # AU4 is unlabelled: neither right nor wrong. AU12 is labelled 0: P={6,12}, G={6}, 2·1/3.
    text = '<answer>{"AU6": 3, "AU12": 2, "AU4": 5}</answer>'
    assert one(au_f1, text, row) == pytest.approx(2 / 3)
    assert one(au_f1, text, row, over="evidence") is None


def test_au_intensity():
    assert one(au_intensity, said(CHEEKS, CORNERS)) == 1.0
    # AU6 off by 0, AU12 missed by 4: 1 − (0 + 4)/2/5
    assert one(au_intensity, said(CHEEKS)) == pytest.approx(0.6)
    # AU12 stated as 2 instead of 4, AU4 made up at 2: 1 − (0 + 2 + 2)/3/5
    lines = (CHEEKS, "mouth: corners pulled up (AU12, slight)", BROWS)
    assert one(au_intensity, said(*lines)) == pytest.approx(1 - 4 / 15)


def test_expression_is_the_labelled_one():
    assert one(expression, said(CHEEKS, emotion="happiness")) == 1.0
    assert one(expression, said(CHEEKS, emotion="fear")) == 0.0
    assert one(expression, '<answer>{"emotion": "joy"}</answer>', truth("expression")) == 1.0
    assert one(expression, "{}", truth("action_units")) is None


def test_a_set_with_emotions_alone_is_scored_as_far_as_it_goes():
    """The published reward raises TypeError on RAF-DB, FER2013 and AffectNet."""
    row = truth("expression", FaceLabels(emotion="anger"))
    text = '<answer>{"emotion": "anger"}</answer>'
    scored = {reward.__name__: one(reward, text, row) for reward in PLAIN}
    assert scored == {
        "au_f1": None, "au_intensity": None, "consistency": None, "expression": 1.0,
        "grammar": 1.0, "grounding": None, "hallucination": None, "score": 1.0,
        "wording": None,
    }  # fmt: skip
    caption = truth("caption", FaceLabels(emotion="anger"))
    assert one(au_f1, "The person looks angry (AU4).", caption) is None


@pytest.mark.parametrize(
    "text",
    [
        "<think>\n</think>\n" + said(CHEEKS).split("\n")[-1],  # empty evidence
        GOLD + GOLD,  # the answer twice
        GOLD + "\nI am sure.",
        "Which expression does this face show, and why? " + GOLD,  # the prompt copied
        GOLD.replace("</think>", "<think></think></think>"),  # nested
        GOLD.replace('{"emotion"', '{"emotion": "fear", "emotion"'),  # two answers in one
        GOLD.replace('happiness"', 'bliss"'),
        "happiness",  # readable, but no grammar
        said(CHEEKS).split("</think>")[1].strip(),  # no evidence where it is asked for
        GOLD[:-3],
    ],
)
def test_what_is_not_in_the_grammar_is_not_paid_for_its_form(text):
    assert one(grammar, text) == 0.0


def test_listing_every_unit_does_not_pay():
    every = [f"mouth: seen (AU{n}, marked)" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)]
    assert one(au_f1, said(*every)) == pytest.approx(2 * 2 / (12 + 2))
    assert one(hallucination, said(*every)) == pytest.approx(1 - 10 / 12)
    # In the mouth's region act, of these twelve, AU10, AU12, AU14, AU15 and AU17.
    assert one(grounding, said(*every)) == pytest.approx(5 / 12)


@pytest.mark.parametrize(
    ("lines", "emotion", "agrees"),
    [
        ((CHEEKS, CORNERS, CLOSING), "happiness", 1.0),
        ((CHEEKS, CORNERS, CLOSING), "fear", 0.0),  # answer and closing line differ
        ((CHEEKS, CORNERS), "anger", 0.0),  # no sign of anger is stated
        ((BROWS,), "anger", 1.0),  # consistent, though wrong: that is au_f1's affair
        ((CHEEKS, "AU6 + AU12 together indicate happiness."), "happiness", 0.0),  # AU12 unstated
        ((CHEEKS, CORNERS), "neutral", 0.0),
        (("absent: AU12",), "happiness", 0.0),
    ],
)
def test_consistency_of_evidence_and_answer(lines, emotion, agrees):
    assert one(consistency, said(*lines, emotion=emotion)) == agrees


def test_consistency_is_not_asked_of_labels_that_do_not_agree():
    assert one(consistency, GOLD, truth(labels=full("fear", AU17=3.0))) is None


def test_grounding_is_the_share_of_units_stated_where_they_act():
    astray = "forehead: corners pulled up (AU12, marked)"
    assert one(grounding, said(CHEEKS, CORNERS)) == 1.0
    assert one(grounding, said(CHEEKS, astray)) == 0.5
    assert one(grounding, said("absent: AU4")) == 0.0
    assert one(grounding, said("absent: AU4"), truth(labels=full("neutral"))) == 1.0


def test_hallucination_is_the_share_of_evidence_that_is_there():
    assert one(hallucination, said(CHEEKS, CORNERS)) == 1.0
    assert one(hallucination, said(CHEEKS, BROWS)) == 0.5
    assert one(hallucination, said("mouth: lips parted (AU25, trace)", CHEEKS)) == 1.0
    assert one(hallucination, said("absent: AU4")) == 0.0  # silence is not paid for
    assert one(hallucination, said("absent: AU4"), truth(labels=full("neutral"))) == 1.0
    assert one(hallucination, "AU4", None) == 0.0


def test_wording_is_the_share_of_statements_in_the_words_of_the_table():
    swallowed = CHEEKS.replace(" eyes", "")
    assert one(wording, said(CHEEKS, CORNERS)) == 1.0
    assert one(wording, said(swallowed, CORNERS)) == 0.5
    assert one(wording, said(swallowed)) == 0.0
    assert one(wording, said(CHEEKS, BROWS)) == 1.0  # well said, though not there
    assert one(wording, said("absent: AU4")) == 0.0
    assert one(wording, said("absent: AU4"), truth(labels=full("neutral"))) == 1.0
    assert one(wording, CHEEKS) == 0.0
    for task in ("caption", "action_units", "expression"):
        assert one(wording, said(CHEEKS), truth(task)) is None


def test_score_is_the_tasks_own():
    # 0.5 emotion + 0.4 F1 + 0.1 thought, with F1 = 2/3 and the wrong emotion
    assert one(score, said(CHEEKS, emotion="fear")) == pytest.approx(0.4 * 2 / 3 + 0.1)
    text = '<answer>{"AU6": 3}</answer>'
    parsed = TASKS["action_units"].parse(text)
    gold = TASKS["action_units"].target(sample(SMILE), None)
    assert (
        one(score, text, truth("action_units")) == TASKS["action_units"].score(parsed, gold).value
    )


def test_length_and_repetition():
    ids = [[0] * n for n in (0, 100, 150, 200, 300)]
    assert length([""] * 5, completion_ids=ids, free=100, limit=200) == [1.0, 1.0, 0.5, 0.0, 0.0]
    # "a b a b a": four bigrams, two of them different
    assert repetition(["a b a b a", "a b c d", "a", ""], n=2) == [0.5, 1.0, 1.0, 0.0]


def test_completions_of_every_trainer_are_read():
    forms = [GOLD, [{"role": "assistant", "content": GOLD}]]
    forms.append([{"role": "assistant", "content": [{"type": "text", "text": GOLD}]}])
    assert score(forms, truth=[truth()] * 3, prompts=None, trainer_state=None) == [1.0] * 3


def test_a_rubric_weighs_what_is_scored():
    rubric = check(Rubric, {"au_f1": {"weight": 2, "protocol": "disfa12"}, "format": 0.5}, "rubric")
    names = [(r.name, r.weight, r.function.__name__) for r in rubric.rewards()]
    assert names == [("au_f1", 2, "au_f1"), ("format", 0.5, "format")]
    assert rubric.total([0.25, 1.0]) == 1.0
    assert rubric.total([None, 1.0]) == 0.5
    assert rubric.total([None, None]) is None


@pytest.mark.parametrize(
    ("rubric", "complaint"),
    [
        ({"au_f2": 1}, "did you mean au_f1"),
        ({"au_f1": {"protocol": "disfa"}}, "did you mean disfa8"),
        ({"au_f1": -1}, "greater than 0"),
        ({}, "name at least one reward"),
        ({"length": {"fre": 3}}, "did you mean free"),
    ],
)
def test_a_wrong_rubric_is_refused_in_one_line(rubric, complaint):
    with pytest.raises(FaceLLMError, match=complaint) as error:
        check(Rubric, rubric, "rubric")
    assert "\n" not in str(error.value)
