"""What the language model is told of faces while it learns to answer, and what it then says.

labels ─ made up for some ─► Fact ─┬─ tasks ─► answer
                                   └─ known_of ─► told in place of the readings

Told true labels alone, the language model learns what goes together in them as well: it calls a
unit absent that it has just named, because it is absent with that emotion, and is certain where
readings doubt. Of facts that are made up nothing goes with anything; they can only be said.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from facellm.core.emotions import EMOTIONS
from facellm.core.facs import MAX_INTENSITY
from facellm.core.sample import FaceLabels
from facellm.model.readings import UNITS, Known
from facellm.train.crops import intensities

BLUR = 0.45
"""How far from its label an intensity is told, in units of intensity."""
CHANGED = 0.25
"""Chance of a unit to be changed where a face's facts are made up; half of these are absent."""
DOUBT = (-1.5, 0.0)
"""Range of log10 of the concentration of the Dirichlet distribution that made-up doubt is drawn
from: from near certainty to several emotions that seem as likely."""
TIED = ("expression", "valence", "arousal")
"""Labels that would contradict a made-up emotion."""


class Fact(NamedTuple):
    """What a dialogue holds true of a face."""

    labels: FaceLabels
    made_up: bool = False
    felt: tuple[float, ...] | None = None
    """Probabilities over `EMOTIONS` that the emotion was drawn from; None where it is a label."""


def make_up(labels: FaceLabels, rng: random.Random) -> Fact:
    """Labels with random units and a random emotion, where there are labels.

    The emotion is drawn from the probabilities that will be told: answers then are as often right
    as they are told to be, and the language model learns to doubt as much as readings do.
    """
    update: dict[str, object] = dict.fromkeys(TIED)
    if labels.action_units is not None:
        free = labels.action_units.keys() - labels.presence_only
        update["action_units"] = {
            n: _another(rng) if n in free and rng.random() < CHANGED else value
            for n, value in labels.action_units.items()
        }
    felt = None
    if labels.emotion is not None:
        doubt = 10 ** rng.uniform(*DOUBT)
        weights = [rng.gammavariate(doubt, 1.0) + 1e-9 for _ in EMOTIONS]
        felt = tuple(weight / sum(weights) for weight in weights)
        update["emotion"] = rng.choices(EMOTIONS, felt)[0]
    return Fact(labels.model_copy(update=update), True, felt)


def _another(rng: random.Random) -> float:
    return 0.0 if rng.random() < 0.5 else float(rng.randint(1, int(MAX_INTENSITY)))


def known_of(facts: Sequence[Fact | None], share: float, rng: np.random.Generator) -> Known:
    """What is told of faces: the units of a `share` of them, and all that is made up.

    Intensities are told as answers state them, blurred by less than a half, as readings are never
    whole numbers: the language model learns to round. Emotions stay the readings' own unless they
    are made up, and None is a face of which nothing is told.
    """
    units = torch.full((len(facts), len(UNITS)), torch.nan)
    emotion = torch.zeros(len(facts), len(EMOTIONS))
    for row, (fact, chance) in enumerate(zip(facts, rng.random(len(facts)), strict=True)):
        if fact is None or not (fact.made_up or chance < share):
            continue
        labels = torch.tensor(intensities(fact.labels.action_units))
        blur = torch.from_numpy(rng.uniform(-BLUR, BLUR, len(UNITS)))
        units[row] = ((labels + 0.5).floor() + blur) / MAX_INTENSITY
        if fact.felt is not None:
            emotion[row] = torch.tensor(fact.felt)
    return Known(units, emotion)
