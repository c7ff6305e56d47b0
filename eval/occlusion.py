"""Where a model looks that nobody can look into: hide one tile of a face, ask again, compare.

    answer about the face ──▶ AU12 at 3 ─┐
    tile 0 hidden ──▶ AU12 at 3          ├─▶ map of the drops ──▶ against the mask of AU12's regions
    tile 31 hidden ──▶ no AU12          ─┘

A map holds how much hiding a tile lowers the stated intensity of a unit (occlusion sensitivity,
Zeiler & Fergus, 2014). It needs nothing but answers, so it measures an API as well as our own
models, and says what the answer depends on rather than where attention lies.
"""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eval.benchmark import Benchmark
from eval.consistency import said
from eval.corruptions import face_square
from eval.grounding import Grounding, Map, compare_map, grounding_metrics, unit_mask
from eval.models.guess import Guess
from eval.models.stored import Stored
from eval.question import HIDE, Question
from facellm.core.errors import FaceLLMError
from facellm.core.facs import ACTION_UNITS, PRESENT
from facellm.core.statistics import Interval, cluster_mean
from facellm.faces.region_masks import region_masks
from facellm.tasks.base import Scored

GRID = 7
"""Tiles along a side of a face's square."""
TASKS = ("action_units", "reasoning")
"""Tasks whose answers state units."""


class Explained(NamedTuple):
    """What hiding tiles shows of one unit of one face."""

    met: Grounding
    moved: float
    """1 where hiding some tile lowers the unit at all; where none does, the map hits nothing."""
    chance: float
    """Share of the tiles in the mask: `inside` and `pointing` of a map of noise."""


def occludes(benchmark: Benchmark, model: Any) -> bool:
    """Whether parts of the faces are hidden from this model; tables cannot be asked again."""
    asked = benchmark.grounding == "occlusion" and not benchmark.corruption
    return asked and not isinstance(model, Guess | Stored)


def hidden_questions(questions: Sequence[Question], faces: int, seed: int = 0) -> list[Question]:
    """Every tile of up to `faces` faces hidden in turn, in the order of the questions.

    Faces are drawn at random, the same for every model, from those that have points and show a
    unit; each in the first of its wordings.

    Raises:
        FaceLLMError: no such face.
    """
    plain: dict[str, Question] = {}
    for question in questions:
        if not question.corruption and _shown_units(question):
            plain.setdefault(question.about, question)
    if not plain:
        raise FaceLLMError(
            "grounding: occlusion needs faces with landmarks and with action units that they show; "
            "this benchmark has none"
        )
    drawn = set(random.Random(seed).sample(sorted(plain), min(faces, len(plain))))
    return [
        question._replace(id=f"{about}/{HIDE}/{tile}", corruption=f"{HIDE}:{GRID}:{tile}")
        for about, question in plain.items()
        if about in drawn
        for tile in range(GRID * GRID)
    ]


def explain(
    questions: Sequence[Question],
    scored: Sequence[Scored[Any] | None],
    hidden: Sequence[Question],
    hidden_scored: Sequence[Scored[Any] | None],
) -> list[Explained]:
    """A map of every unit that a face shows and the model states, both at 2 or more.

    Faces with a missing answer are left out. An answer that cannot be parsed says nothing about
    its tile.
    """
    whole: dict[str, dict[int, float]] = {}
    for question, one in zip(questions, scored, strict=True):
        if not question.corruption and question.about not in whole and one is not None:
            whole[question.about] = _stated(one) or {}
    tiles: dict[str, list[tuple[Question, Scored[Any] | None]]] = {}
    for question, one in zip(hidden, hidden_scored, strict=True):
        tiles.setdefault(question.about, []).append((question, one))
    found = []
    for about, answers in tiles.items():
        if about not in whole or any(one is None for _, one in answers):
            continue
        heard = [_stated(one) for _, one in answers if one is not None]
        for unit in _shown_units(answers[0][0]):
            stated = whole[about].get(unit, 0.0)
            if stated >= PRESENT:
                drops = [0.0 if h is None else max(0.0, stated - h.get(unit, 0.0)) for h in heard]
                found.append(_explained(answers[0][0], unit, np.array(drops).reshape(GRID, GRID)))
    return found


def occlusion_metrics(results: Sequence[Explained]) -> dict[str, Interval]:
    """`iou`, `inside`, `pointing` of `eval.grounding`, `moved` and `chance`; n counts units."""
    subjects = [result.met.subject_id for result in results]
    return {
        **grounding_metrics([result.met for result in results]),
        "moved": cluster_mean(subjects, [result.moved for result in results], share=True),
        "chance": cluster_mean(subjects, [result.chance for result in results], share=True),
    }


def _explained(question: Question, unit: int, drops: Map) -> Explained:
    face = question.sample.faces[question.face - 1]
    left, top, side = face_square(face)
    points = (np.asarray(face.points, np.float64) - (left, top)) / side
    mask = unit_mask(region_masks(points, GRID), unit)
    met = Grounding(question.subject_id, unit, *compare_map(drops, mask))
    return Explained(met, float(drops.max() > 0), float(mask.mean()))


def _shown_units(question: Question) -> list[int]:
    """The units that the face shows, where it has the points to say where they are."""
    faces = question.sample.faces
    if not faces or faces[question.face - 1].points is None:
        return []
    units = faces[question.face - 1].labels.action_units or {}
    return [unit for unit, value in units.items() if value >= PRESENT and unit in ACTION_UNITS]


def _stated(one: Scored[Any]) -> dict[int, float] | None:
    heard = said(one.prediction)
    return None if heard is None else heard.units
