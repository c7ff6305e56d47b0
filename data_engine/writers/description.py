"""Descriptions by aspect: a whole one, one aspect alone, or the face region by region.

The aspects are those of FairFaceGPT (appearance, structure, skin and hair, expression, picture
quality, pose, authenticity, whole picture) and what is worn; only aspects with labels are spoken
of. Gender and origin are not among them, and age only where the style allows it.
"""

import random
from collections.abc import Iterator
from typing import ClassVar

from data_engine.writers import aspects
from data_engine.writers.base import Draft, Writer
from data_engine.writers.brief import Brief
from data_engine.writers.caption import dense_caption, describable
from data_engine.writers.talk import Turn, as_picture, draft
from data_engine.writers.truth import is_weak, truth_of, weak_for
from facellm.core.prose import describe_emotion
from facellm.core.sample import Clip, Face, Sample
from facellm.tasks import TASKS
from facellm.tasks.caption import CaptionAnswer
from facellm.tasks.wording import ask

WHOLE = (
    "describe {face} aspect by aspect.", "describe {face} in full: looks, expression, pose, "
    "picture.", "what can be said about {face} and about the picture?",
    "give an attribute-aware description of {face}.", "write a rich description of {face}.",
    "describe {them}: what is visible, how is the head held, what does the face do?",
    "a complete profile of what is visible in {face}, please.",
    "tell me all that is visible in {face}.", "describe appearance, movements and pose of {face}.",
)  # fmt: skip
REGIONS = (
    "describe {face} region by region.", "go through {face} from top to bottom.",
    "what happens in each part of {face}?", "region by region: what does {face} do?",
    "brows, eyes, nose, cheeks, mouth, chin: what does each do in {face}?",
    "list what every part of {face} is doing.", "scan {face} from forehead to chin.",
    "tell me part by part what {face} shows.", "which regions of {face} move, which are at rest?",
)  # fmt: skip
ONE: dict[str, tuple[str, ...]] = {
    "appearance": ("how old does {who} look?", "roughly what age is {face}?"),
    "structure": ("describe the facial structure of {them}.", "what shape is {face}?",
                  "what are the features of {face} like?"),
    "skin_and_hair": ("describe skin and hair of {them}.", "what about {whose} hair and skin?",
                      "how do skin and hair look on {face}?"),
    "worn": ("is {who} wearing anything on face or head?", "what {is_} {who} wearing?",
             "any accessories on {face}?"),
    "quality": ("how good is the picture of {face}?", "describe the picture quality of {face}.",
                "is {face} clearly visible?"),
    "pose": ("which way {is_} {who} facing?", "describe the head pose of {them}.",
             "how {does} {who} hold the head?", "is {whose} head turned or tilted?"),
    "gaze": ("where {does} {who} look?", "in which direction do the eyes of {face} look?",
             "describe {whose} gaze.", "what is the direction of {whose} gaze?"),
    "forensic": ("is {face} real or manipulated?", "has {face} been edited?",
                 "does {face} look authentic?"),
}  # fmt: skip
ASKED_WHOLE = "Describe the face aspect by aspect, as far as the labels reach."
ASKED_REGIONS = "Describe the face region by region, then say which regions are at rest."
ASKED_ONE = "Answer the question about this one aspect in one or two sentences."


class Description(Writer):
    """Attribute-aware descriptions."""

    name: ClassVar[str] = "description"

    def drafts(self, item: Sample | Clip, rng: random.Random) -> Iterator[Draft]:
        """In turn a whole description, one region by region and one of a single aspect."""
        picture = as_picture(item)
        if not picture.faces:
            return
        kinds = [self._whole, self._regions, self._aspect]
        for variant in range(6):
            if variant % 3 == 0:
                rng.shuffle(kinds)
            face = rng.randint(1, len(picture.faces))
            turn = kinds[variant % 3](picture, face, rng)
            if turn is not None:
                yield draft(self.name, [item], [turn], variant)

    def _aspects(
        self, picture: Sample, face: Face, rng: random.Random
    ) -> Iterator[tuple[str, str]]:
        """Aspects in random order with their sentences, where the labels have something to say."""
        for name in rng.sample([*aspects.ASPECTS], len(aspects.ASPECTS)):
            if name != "appearance" or self.style.apparent_age:
                text = aspects.ASPECTS[name](face, picture, rng)
                if text:
                    yield name, text

    def _whole(self, picture: Sample, number: int, rng: random.Random) -> Turn | None:
        face = picture.faces[number - 1]
        known = describable(face.labels)
        # The caption's sentences tell the pose and the gaze already, and the gaze tells the pose.
        told = ("pose", "gaze") if known else ("pose",) if face.labels.gaze is not None else ()
        said = self._aspects(picture, face, rng)
        parts = [text for name, text in said if name not in told]
        if known:
            expression = " ".join(
                filter(None, (dense_caption(face.labels, rng), aspects.affect(face.labels, rng)))
            )
            parts.insert(rng.randint(0, len(parts)), expression)
        if len(parts) < 2:
            return None
        answer = TASKS["caption"].target(picture, rng, number)
        return Turn(
            ask(rng, len(picture.faces), number, WHOLE),
            ("\n" if rng.random() < 0.2 else " ").join(parts),
            "description" if answer is None else "caption",
            None if answer is None else truth_of(answer),
            Brief(ASKED_WHOLE, [face.labels]),
            bool(face.labels.weak),
        )

    def _regions(self, picture: Sample, number: int, rng: random.Random) -> Turn | None:
        labels = picture.faces[number - 1].labels
        text = aspects.by_region(labels, rng)
        if not text:
            return None
        answer = TASKS["caption"].target(picture, rng, number)
        assert isinstance(answer, CaptionAnswer), "action units are labelled"
        answer = answer.model_copy(update={"pose": None, "emotion": None})
        if labels.emotion is not None and rng.random() < 0.5:
            text = f"{text} {describe_emotion(labels.emotion, 0, rng)[0]}"
            answer = answer.model_copy(update={"emotion": labels.emotion})
        return Turn(
            ask(rng, len(picture.faces), number, REGIONS),
            text,
            "caption",
            truth_of(answer),
            Brief(ASKED_REGIONS, [labels]),
            weak_for("caption", labels),
        )

    def _aspect(self, picture: Sample, number: int, rng: random.Random) -> Turn | None:
        face = picture.faces[number - 1]
        # The picture as a whole would, alone, say nothing about the face.
        said = (one for one in self._aspects(picture, face, rng) if one[0] in ONE)
        name, text = next(said, ("", ""))
        if not text:
            return None
        return Turn(
            ask(rng, len(picture.faces), number, ONE[name]),
            text,
            "description",
            {"aspect": name},
            Brief(ASKED_ONE, [face.labels]),
            is_weak(face.labels, *aspects.USES[name]),
        )
