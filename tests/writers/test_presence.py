"""Units coded as present or absent alone: no text says how strong they are."""

import random
import re
from itertools import islice

import pytest
from writer_samples import clip, exchanges, picture, random_picture

from data_engine.verify.check import verify
from data_engine.verify.claims import Policy
from data_engine.writers import WRITERS
from data_engine.writers.base import Draft
from data_engine.writers.brief import known
from data_engine.writers.presence import comparable, unrated, without_words
from data_engine.writers.truth import gold_of
from facellm.core.sample import FaceLabels, Sample
from facellm.tasks import TASKS

WORDED = re.compile(r"\(AU\d+, (?:trace|slight|marked|pronounced|maximum)")
STRENGTH = re.compile(r"AU\d+ [^;\n]*, (?:trace|slight|marked|pronounced|maximum)\)")
LABELS = FaceLabels(
    emotion="happiness", action_units={6: 2.0, 12: 4.0, 4: 0.0}, presence_only=frozenset({6, 4})
)


def only_present(number: int) -> Sample:
    """A random picture whose units are there or not, nobody knows how strongly."""
    sample = random_picture(number)
    faces = []
    for face in sample.faces:
        units = face.labels.action_units
        known = None if units is None else {n: 2.0 if v >= 1.5 else 0.0 for n, v in units.items()}
        update = {"action_units": known, "presence_only": frozenset(known or ())}
        faces.append(face.model_copy(update={"labels": face.labels.model_copy(update=update)}))
    return sample.model_copy(update={"faces": faces})


def drafts(name: str) -> list[Draft]:
    found: list[Draft] = []
    for number in range(120):
        item, rng = only_present(number), random.Random(number)
        found += islice(WRITERS[name]().drafts(item, rng), 4)
        found += WRITERS[name]().pair(item, only_present(number + 1), rng)
    return found


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"dynamics"}))
def test_no_text_of_any_writer_says_how_strong(name: str) -> None:
    found = drafts(name)
    assert len(found) > 20
    cited = 0
    for draft in found:
        for question, text, task, truth in exchanges(draft):
            assert not WORDED.search(text), text
            if all(map(unrated, draft.facts)):
                assert "from 0 to 5" not in question and "how strong" not in question.lower()
            if task in ("action_units", "region_question"):
                assert not re.search(r'"AU\d+": [1-5]', text), "a number would be made up"
            if "AU" in text:
                problems = verify(text, draft.facts, task, question=question).problems
                assert not problems, (text, problems)
                cited += 1
            if task in TASKS and truth is not None:
                score = TASKS[task].score(TASKS[task].parse(text), gold_of(task, truth))
                assert score.value == 1.0, (text, truth)
        for told in map(str, filter(None, draft.briefs)):
            _, _, facts = told.partition("Known")
            assert not STRENGTH.search(facts.partition("\n\n")[0]), told
    assert cited or name in ("attribute_qa", "refusal")


def test_a_rated_unit_beside_it_keeps_its_word() -> None:
    text = "Cheeks raised (AU6, slight, left) and lip corners up (AU12, pronounced)."
    bare = "Cheeks raised (AU6, left) and lip corners up (AU12, pronounced)."
    assert unrated(LABELS) == {6}
    assert without_words(text, [FaceLabels(), LABELS]) == bare
    assert without_words(text, [FaceLabels(action_units={6: 2.0})]) == text


def test_the_brief_tells_the_teacher_that_no_strength_is_known() -> None:
    assert "AU6 raised towards the eyes (cheeks, present); AU12" in known(LABELS)
    assert "AU12 corners pulled up (mouth, pronounced)" in known(LABELS)
    assert STRENGTH.search(known(LABELS))
    (draft,) = islice(WRITERS["exp_cot"]().drafts(picture(LABELS), random.Random(0)), 1)
    assert "cite it by its code alone" in str(draft.briefs[0])
    rated = LABELS.model_copy(update={"presence_only": frozenset()})
    (draft,) = islice(WRITERS["exp_cot"]().drafts(picture(rated), random.Random(0)), 1)
    assert "cite it by its code alone" not in str(draft.briefs[0])


def test_presence_is_compared_with_absence_alone() -> None:
    absent = FaceLabels(action_units={6: 0.0, 12: 0.0})
    assert comparable([6], LABELS, absent) == [6] and comparable([6, 12], LABELS, LABELS) == [12]
    assert comparable([6], LABELS, FaceLabels(action_units={6: 4.0})) == []


def test_a_presence_has_no_apex() -> None:
    found = clip([{6: 0.0}, {6: 2.0}, {6: 0.0}])
    bare = FaceLabels(action_units={6: 2.0}, presence_only=frozenset({6}))
    frames = [
        frame.model_copy(update={"faces": [frame.faces[0].model_copy(update={"labels": bare})]})
        for frame in found.frames
    ]
    writer, rng = WRITERS["dynamics"](), random.Random(0)
    assert list(writer.drafts(found, rng))
    assert not list(writer.drafts(found.model_copy(update={"frames": frames}), rng))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The cheeks are raised (AU6).", []),
        ("The cheeks are raised (AU6, slight).", ["unsupported:AU6"]),
        ("The cheeks are strongly raised.", ["unsupported:AU6"]),
        ("The cheeks are raised (AU6), the lip corners are pulled up (AU12, pronounced).", []),
        ("The cheeks are raised (AU6) and the brows are lowered (AU4).", ["wrong_unit:AU4"]),
    ],
)
def test_a_text_that_says_how_strong_is_not_supported(text: str, found: list[str]) -> None:
    assert [problem.kind for problem in verify(text, [LABELS]).problems] == found
    allowed = verify(text, [LABELS], policy=Policy(unlabelled="allow")).problems
    assert [p.kind for p in allowed] == [kind for kind in found if kind.startswith("wrong")]
