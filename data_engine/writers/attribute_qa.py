"""Yes-or-no questions about what is visible, such as eyeglasses."""

import random
from collections.abc import Iterator
from typing import ClassVar

from data_engine.writers.attributes import attribute
from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import Brief
from data_engine.writers.talk import Turn, as_picture, draft
from data_engine.writers.truth import is_weak
from facellm.core.sample import Clip, Sample
from facellm.tasks.wording import ask

QUESTIONS_IS = ("does {who} have {phrase}?", "can you see {phrase} on {face}?",
                "{phrase}: yes or no, for {them}?", "is there {phrase} on {face}?")  # fmt: skip
QUESTIONS_WORN = ("{is_} {who} wearing {phrase}?", "does {face} show {phrase}?",
                  "can you see {phrase} on {them}?")  # fmt: skip
ASKED = "Answer yes or no in one sentence that names the attribute."
YES = ("Yes, {phrase} can be seen.", "Yes, I can see {phrase}.", "Yes: {phrase}.")
NO = ("No, {phrase} cannot be seen.", "No, I do not see {phrase}.", "No, {phrase} is not there.")


class AttributeQA(Writer):
    """Yes-or-no questions about visible attributes, as many with yes as with no where possible."""

    name: ClassVar[str] = "attribute_qa"

    def fits(self, item: Sample | Clip) -> bool:
        """Only of faces with labelled attributes."""
        return any(face.labels.attributes for face in as_picture(item).faces)

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """Up to eight questions about labelled attributes of the faces."""
        picture = as_picture(item)
        asked: set[tuple[int, str]] = set()
        for variant in range(8 * bool(picture.faces)):
            number = rng.randint(1, len(picture.faces))
            labels = picture.faces[number - 1].labels
            known = {k: v for k, v in (labels.attributes or {}).items() if attribute(k)}
            value = rng.random() < 0.5
            names = sorted(k for k in known if known[k] is value) or sorted(known)
            if not names:
                continue
            name = rng.choice(names)
            if (number, name) in asked:
                continue
            asked.add((number, name))
            yield draft(
                self.name, [item], [_yes_no(picture, number, name, known[name], rng)], variant
            )


def _yes_no(picture: Sample, number: int, name: str, value: bool, rng: random.Random) -> Turn:
    labels, said = picture.faces[number - 1].labels, attribute(name)
    assert said is not None, "only attributes with a phrase are asked about"
    phrase, questions = said.phrase, QUESTIONS_WORN if said.aspect == "worn" else QUESTIONS_IS
    return Turn(
        ask(rng, len(picture.faces), number, questions, phrase=phrase),
        rng.choice(YES if value else NO).format(phrase=phrase),
        "attribute",
        {"attribute": name, "value": value},
        Brief(ASKED, [labels]),
        is_weak(labels, "attributes"),
    )
