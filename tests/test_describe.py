"""How answers become a report: gold, garbled, cut off, contradicting."""

import json
import math

import jsonschema
import pytest
from PIL import Image

from facellm.core.emotions import EMOTIONS
from facellm.core.report import FaceReport
from facellm.core.sample import Face
from facellm.describe import Describer
from facellm.prompts import Completion, Request

IMAGE = Image.new("RGB", (40, 30))
REASONING = """<think>
brows: inner corners raised (AU1, marked)
mouth: corners pulled up (AU12, slight)
AU12 indicates happiness.
</think>
<answer>{"emotion": "happiness"}</answer>"""


class Words:
    """A tokenizer that knows the emotions as single tokens and all else as characters."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        for index, word in enumerate(EMOTIONS):
            before, found, after = text.partition(word)
            if found:
                return [*map(ord, before), 2000 + index, *map(ord, after)]
        return [*map(ord, text)]


def face(x: float = 0.0) -> Face:
    points = [(x + i % 9, float(i // 9)) for i in range(68)]
    return Face(box=(x, 0.0, x + 9, 8.0), points=points, confidence=0.5)


def answers(
    units: str = '<answer>{"AU12": 2, "AU6": 0}</answer>',
    reasoning: str = REASONING,
    caption: str = " The face smiles (AU12, slight). ",
    likely: str = "happiness",
) -> list[Completion]:
    shares = {word: 0.65 if word == likely else 0.05 for word in EMOTIONS}
    looks = {2000 + i: math.log(shares[word]) for i, word in enumerate(EMOTIONS)}
    texts = [Completion(units), Completion(reasoning), Completion(caption)]
    return [*texts, Completion(logprobs=looks)]


def report(*answered: list[Completion]) -> FaceReport:
    faces = [face(10.0 * i) for i in range(len(answered))]
    flat = [completion for one in answered for completion in one]
    return Describer(Words()).report(IMAGE, faces, flat, "given", "facellm-test")


def test_probabilities_are_tempered_as_the_model_asks() -> None:
    plain = report(answers()).faces[0].expression
    tempered = Describer(Words(), 2.0).report(IMAGE, [face()], answers(), "given", "facellm-test")
    root = 0.65**0.5 / (0.65**0.5 + 7 * 0.05**0.5)
    assert plain.probabilities["happiness"] == pytest.approx(0.65)
    assert tempered.faces[0].expression.probabilities["happiness"] == pytest.approx(root)
    assert tempered.faces[0].expression.label == plain.label == "happiness"


def test_every_face_is_asked_alone() -> None:
    requests = Describer(Words()).requests(IMAGE, [face(), face(10)])
    assert len(requests) == 2 * 4
    assert all(request.landmarks.shape == (1, 68, 2) for request in requests)
    looks = [request for request in requests if request.choices]
    assert [len(request.choices) for request in looks] == [8, 8]
    assert all("this face" in request.question for request in requests)


def test_gold_answers_fill_the_report() -> None:
    got = report(answers())
    [reading] = got.faces
    assert got.warnings == []
    assert (got.width, got.height) == (40, 30)
    assert reading.expression.label == "happiness"
    assert reading.expression.probabilities["happiness"] == pytest.approx(0.65)
    assert sum(reading.expression.probabilities.values()) == pytest.approx(1.0)
    assert reading.action_units == {"AU12": 2.0}
    assert [(e.region, e.action_unit, e.intensity) for e in reading.evidence] == [
        ("brows", "AU1", 3.0),
        ("mouth", "AU12", 2.0),
    ]
    assert reading.text == "The face smiles (AU12, slight)."
    assert reading.confidence == 0.5


def test_faces_keep_their_order_and_their_answers() -> None:
    got = report(answers(likely="anger"), answers(likely="fear"))
    assert [(f.index, f.expression.label) for f in got.faces] == [(1, "anger"), (2, "fear")]


def test_the_report_satisfies_its_published_schema() -> None:
    schema = FaceReport.model_json_schema()
    jsonschema.validate(json.loads(report(answers()).model_dump_json()), schema)
    jsonschema.validate(json.loads(report().model_dump_json()), schema)


@pytest.mark.parametrize("garbled", ["", "nose", "<answer>{AU12: 2}</answer>", "<think>\n</think>"])
def test_garbled_answers_are_named_and_leave_the_rest(garbled: str) -> None:
    got = report(answers(units=garbled, reasoning=garbled))
    [reading] = got.faces
    assert reading.action_units == {}
    assert reading.evidence == []
    assert reading.expression.label == "happiness"
    assert len(got.warnings) == 2
    assert all(line.startswith("face 1: ") and "\n" not in line for line in got.warnings)


def test_units_of_the_evidence_stand_in_for_unreadable_ones() -> None:
    got = report(answers(units='<answer>{"AU1": 1, "AU1": 2}</answer>'))
    assert got.faces[0].action_units == {"AU1": 3.0, "AU12": 2.0}
    assert "given twice" in got.warnings[0] and "stand in" in got.warnings[0]


def test_disagreement_of_the_two_readings_is_named() -> None:
    got = report(answers(likely="sadness"))
    assert got.faces[0].expression.label == "sadness"
    assert got.warnings == ["face 1: the evidence was read as happiness, the expression as sadness"]


def test_cut_off_answers_are_named() -> None:
    parts = answers(caption="The face")
    parts[2] = Completion("The face", finished=False)
    assert "cut off" in report(parts).warnings[0]


def test_no_face_is_a_report_without_faces() -> None:
    got = report()
    assert got.faces == [] and got.warnings == []


def test_requests_are_not_equal_by_accident() -> None:
    first, second = Describer(Words()).requests(IMAGE, [face()])[:2]
    assert isinstance(first, Request) and first.question != second.question
