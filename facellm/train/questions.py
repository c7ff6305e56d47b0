"""The questions of an ablation: which arms each compares, and on what."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from facellm.core.errors import FaceLLMError
from facellm.core.facs import PRESENT
from facellm.core.statistics import Interval
from facellm.train.arms import Arm, Read, build, parameters, train_arm
from facellm.train.contrast import Measure, accuracy, contrast, mean_of, unit_f1
from facellm.train.crops import Crops, load_crops
from facellm.train.evaluate import held_out
from facellm.train.recipe import Corpus
from facellm.train.setting import F1, F1_FOUND, Setting, subjects_of
from facellm.train.spoken import (
    SpokenArm,
    askable,
    expressions,
    eyes_of,
    intensities_said,
    known_of,
    spoken_recipe,
    train_spoken,
    weights_in,
)


def _given(name: str, **vision: bool) -> Arm:
    """An arm that takes the points as they are given, whatever the recipe does."""
    return Arm(name, {**vision, "refine": False}, stage={"placing": 0.0})


BOTH = _given("both", readings=False)
REGIONS = (
    # All are read through the same heads: not all could have readings of their own.
    _given("off", guidance=False, read_out=False, readings=False),
    _given("guidance", read_out=False, readings=False),
    _given("read-out", guidance=False, readings=False),
    BOTH,
)
SHAPE = _given("both, shape heard")
REFINED = Arm("both, points refined", {"refine": True}, stage={"placing": 2.0})
SHIPS = Arm("as the recipe has it")
EXPRESSION, LOOK = "expression", "look IoU"


class Difference(NamedTuple):
    """How much more one arm has of a number than another."""

    number: str
    first: str
    second: str
    interval: Interval


class Answer(NamedTuple):
    """What a question came to."""

    arms: dict[str, dict[str, Any]]
    """Arm → number → `Interval`, and `parameters`."""
    differences: list[Difference]
    note: str


def of_eyes(setting: Setting, reads: Mapping[str, Mapping[str, Read]]) -> dict[str, Measure]:
    """The numbers of every arm, named `number of arm`."""
    measures = {}
    for arm, read in reads.items():
        for test, crops in setting.tests.items():
            measures[f"{test} of {arm}"] = unit_f1(read[test].units, crops.units)
        exact = setting.tests[F1]
        measures[f"{EXPRESSION} of {arm}"] = accuracy(read[F1].emotion, exact.emotion)
        measures[f"{LOOK} of {arm}"] = mean_of(read[F1].look)
    return measures


def conclude(
    subjects: Sequence[str],
    measures: Mapping[str, Measure],
    wanted: Sequence[tuple[str, str, str]],
    sizes: Mapping[str, int],
    note: str,
) -> Answer:
    """Intervals of all numbers, and of the differences (number, arm, other arm) wanted."""
    pairs = [(f"{number} of {one}", f"{number} of {other}") for number, one, other in wanted]
    found, apart = contrast(subjects, measures, pairs)
    arms: dict[str, dict[str, Any]] = {arm: {"parameters": size} for arm, size in sizes.items()}
    for name, interval in found.items():
        number, _, arm = name.partition(" of ")
        arms[arm][number] = interval
    differences = [Difference(*names, gap) for names, gap in zip(wanted, apart, strict=True)]
    return Answer(arms, differences, note)


def regions(setting: Setting) -> Answer:
    """The region encoder off, guidance alone, read-out alone, both; and both with readings."""
    fill_to = parameters(build(setting.arm(BOTH)))
    reads, sizes = {}, {}
    for arm in (*REGIONS, SHAPE):
        lacking = arm not in (BOTH, SHAPE)
        sizes[arm.name], reads[arm.name] = setting.ask(arm, fill_to=fill_to if lacking else 0)
    others = [arm.name for arm in REGIONS if arm is not BOTH]
    wanted = [
        *((test, BOTH.name, other) for test in setting.tests for other in others),
        *((test, SHAPE.name, BOTH.name) for test in setting.tests),
    ]
    note = (
        "Arms without a part have its parameters in a residual MLP on every patch behind the "
        "tower. Without read-out, heads see the mean of the patches; `off` has no landmarks at "
        f"all. `{SHAPE.name}` is the model as it ships but for the refinement: its readings, "
        "which are larger than the heads of the others, also hear the 68 points."
    )
    return conclude(subjects_of(setting.tests[F1]), of_eyes(setting, reads), wanted, sizes, note)


def landmarks(setting: Setting) -> Answer:
    """Exact points against found ones, on the same pictures and by the same weights."""
    measures, sizes = {}, {}
    for arm in (BOTH, SHAPE):
        size, read = setting.ask(arm)
        for test, label in ((F1, "exact"), (F1_FOUND, "found")):
            name, crops = f"{arm.name}, {label}", setting.tests[test]
            sizes[name] = size
            measures[f"{F1} of {name}"] = unit_f1(read[test].units, crops.units)
            measures[f"{EXPRESSION} of {name}"] = accuracy(read[test].emotion, crops.emotion)
            measures[f"{LOOK} of {name}"] = mean_of(read[test].look)
    wanted = [
        (number, f"{arm.name}, exact", f"{arm.name}, found")
        for arm in (BOTH, SHAPE)
        for number in (F1, EXPRESSION, LOOK)
    ]
    note = "The same pictures and weights; faces that are not found are left out."
    return conclude(subjects_of(setting.tests[F1]), measures, wanted, sizes, note)


def refinement(setting: Setting) -> Answer:
    """Readings that hear the points as given, or moved to where the patches show them to be."""
    sizes, reads = {}, {}
    for arm in (REFINED, SHAPE):
        sizes[arm.name], reads[arm.name] = setting.ask(arm)
    wanted = [(number, REFINED.name, SHAPE.name) for number in (*setting.tests, EXPRESSION)]
    note = (
        f"Points are learned with weight {REFINED.stage['placing']:g}, from those of each corpus "
        "or, where the recipe names one, of its `exact` corpus. The refiner's parameters come on "
        "top."
    )
    return conclude(subjects_of(setting.tests[F1]), of_eyes(setting, reads), wanted, sizes, note)


def interventions(setting: Setting) -> Answer:
    """Half of the training faces in pairs that differ in one unit, or all of different faces."""
    assert setting.pairs is not None
    paired = Corpus(path=setting.pairs)
    count = len(setting.load(paired))
    plain = setting.own[0]
    arms = (
        Arm("in", corpora=(plain.model_copy(update={"limit": count, "weight": 1.0}), paired)),
        Arm("out", corpora=(plain.model_copy(update={"limit": 2 * count}),)),
    )
    pairs = load_crops(setting.pairs, "test")
    measures, sizes, noticed = {}, {}, {}
    for arm in arms:
        sizes[arm.name], reads = setting.ask(arm, {"pairs": pairs})
        measures |= of_eyes(setting, {arm.name: reads})
        noticed[arm.name] = switched(pairs, reads["pairs"].units)
    wanted = [(number, "in", "out") for number in (*setting.tests, EXPRESSION)]
    note = (
        f"Both arms see {2 * count} training faces in all, at most. `flipped`: share of the "
        f"held-out pairs whose unit is read below {PRESENT:g} where it is off and not where it is "
        "on."
    )
    answer = conclude(subjects_of(setting.tests[F1]), measures, wanted, sizes, note)
    people = [people for people, _ in noticed["in"]]
    flips = {
        f"flipped of {arm}": mean_of(torch.tensor([float(f) for _, f in rows]))
        for arm, rows in noticed.items()
    }
    more = conclude(people, flips, [("flipped", "in", "out")], sizes, "")
    both = {arm: {**numbers, **more.arms[arm]} for arm, numbers in answer.arms.items()}
    return Answer(both, [*answer.differences, *more.differences], note)


def switched(crops: Crops, units: Tensor) -> list[tuple[str, bool]]:
    """Of each pair, whose face it is and whether the unit that was switched is read as switched.

    Pairs that differ in no unit by their labels are left out: not all that can be switched is read.
    """
    sets: dict[str, list[int]] = {}
    for row, sample in enumerate(crops.samples):
        if sample.pair is not None:
            sets.setdefault(sample.pair, []).append(row)
    found = []
    for rows in sets.values():
        if len(rows) != 2:
            continue
        present = crops.units[rows] >= PRESENT
        [changed] = torch.where(present[0] != present[1])
        if len(changed) != 1:
            continue
        unit = int(changed[0])
        on, off = rows if present[0, unit] else rows[::-1]
        flipped = bool(units[off, unit] < PRESENT <= units[on, unit])
        found.append((crops.samples[on].provenance.subject_id, flipped))
    if not found:
        raise FaceLLMError("the corpus of --pairs has no two test pictures that differ in one unit")
    return found


def thought(setting: Setting) -> Answer:
    """Chain of thought against the answer alone, over the same resting vision part."""
    arms = (
        SpokenArm("evidence first", stage={"tasks": {"reasoning": 1}}, asked="reasoning"),
        SpokenArm("answer alone", stage={"tasks": {"expression": 1}}),
    )
    note = "Each language model learns one task and is asked for it; equal steps, not equal tokens."
    return _answers(setting, arms, ("expression", "reasoning"), note)


def prompt(setting: Setting) -> Answer:
    """Patches and region tokens seen under the question, or always the same."""
    # What was seen cannot be kept where it depends on the question.
    anew = {"cached_views": 0, "told": 0.0, "made_up": 0.0}
    arms = (
        SpokenArm("under the question", {"prompt_guided": True}, anew),
        SpokenArm("always the same", {"prompt_guided": False}, anew),
    )
    note = "The fusion's parameters come on top: they are part of the projector."
    return _answers(setting, arms, ("expression", "action_units"), note)


def _answers(
    setting: Setting, arms: Sequence[SpokenArm], tasks: Sequence[str], note: str
) -> Answer:
    path = setting.own[0].path
    assert path is not None
    samples = askable(held_out(path, setting.faces), tasks)
    units, emotion = known_of(samples)
    eyes = _eyes(setting)
    measures, sizes = {}, {}
    numbers = [EXPRESSION, *([F1] if "action_units" in tasks else [])]
    for arm in arms:
        recipe = spoken_recipe(setting.recipe, arm, setting.out / arm.folder, setting.speak_steps)
        model = train_spoken(recipe, eyes)
        sizes[arm.name] = weights_in(model)
        said = expressions(model, path, samples, arm.asked)
        measures[f"{EXPRESSION} of {arm.name}"] = accuracy(said, emotion)
        if F1 in numbers:
            stated = intensities_said(model, path, samples)
            measures[f"{F1} of {arm.name}"] = unit_f1(stated, units)
    wanted = [(number, arms[0].name, arms[1].name) for number in numbers]
    subjects = [sample.provenance.subject_id for sample in samples]
    return conclude(subjects, measures, wanted, sizes, note)


def _eyes(setting: Setting) -> Path:
    """The checkpoint that the arms which answer see with: a model's, or the recipe's own."""
    if setting.eyes is None:
        recipe = setting.arm(SHIPS)
        train_arm(recipe, setting.load)
        return recipe.output_dir / f"{recipe.stages[0].name}.pt"
    path = setting.out / "eyes.pt"
    if not path.is_file():
        setting.out.mkdir(parents=True, exist_ok=True)
        torch.save({"step": 0, "weights": eyes_of(setting.eyes), "done": True}, path)
    return path


QUESTIONS: dict[str, Callable[[Setting], Answer]] = {
    "regions": regions,
    "landmarks": landmarks,
    "refinement": refinement,
    "interventions": interventions,
    "thought": thought,
    "prompt": prompt,
}
