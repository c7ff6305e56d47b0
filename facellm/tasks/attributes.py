"""Which attributes a face shows: `<answer>{"eyeglasses": true, "beard": false}</answer>`.

Questions name attributes that are labelled, present or not, drawn without regard to which; answers
keep to those names. Names are written in lower case with blanks: `wearing hat`.
"""

import random
from collections.abc import Sequence

import numpy as np
from pydantic import Field, RootModel, StrictBool, field_validator

from facellm.core.prose import listing
from facellm.core.sample import FaceLabels, Record, Sample
from facellm.core.statistics import Interval, Rows, by_subject, cluster_formulas
from facellm.tasks.base import Score, Scored, answered, labels_of
from facellm.tasks.response import Register
from facellm.tasks.stated import StatedTask
from facellm.tasks.wording import ask, the_face

LIMIT = 6
"""Attributes that one question names at most."""
NEVER_ASKED = frozenset((
    "male", "female", "gender", "sex", "man", "woman", "young", "old", "age", "race", "ethnicity",
    "attractive", "unattractive", "beautiful", "handsome", "ugly",
))  # fmt: skip
"""No visible attributes of a face but traits of a person, or judgements."""
EXAMPLES = ("eyeglasses", "beard", "bangs")
"""What the canonical question names."""

QUESTIONS = (
    "Which of these does {face} show: {names}?",
    "Tell for each whether {face} shows it: {names}.",
    "Are these visible on {face}: {names}?",
    "Check {face} for {names}.",
)
PROSE_QUESTIONS = (
    "which of these does {face} show: {names}?", "do you see any of these on {face}: {names}?",
    "check {face} for {names}.", "what about {names}?", "{names}: which can you see on {face}?",
    "which are visible on {face}: {names}?", "please tell me which of these {who} {looks} to have: "
    "{names}.", "look at {face}: {names}?", "is there any of this on {face}: {names}?",
    "can you see {names} on {face}?", "go through this list for {them}: {names}.",
)  # fmt: skip
PRESENT_AND_ABSENT = (
    ("Visible: {}.", "Not visible: {}."), ("I can see: {}.", "I cannot see: {}."),
    ("Present: {}.", "Absent: {}."), ("There: {}.", "Not there: {}."),
    ("The face shows: {}.", "The face does not show: {}."),
)  # fmt: skip
"""Sentences that list what is there and what is not; in either order, or one of them alone."""


def attribute_name(name: str) -> str:
    """A name as questions and answers write it: `wearing hat` for `Wearing_Hat`."""
    return " ".join(name.replace("_", " ").lower().split())


class AttributeValues(RootModel[dict[str, StrictBool]]):
    """Attribute → whether it is visible, such as `{"eyeglasses": true}`."""


class AttributesAnswer(Record):
    """Attributes of one face."""

    attributes: dict[str, StrictBool] = Field(min_length=1)
    """Name → whether it is visible; a name that is missing is unanswered."""

    @field_validator("attributes", mode="after")
    @classmethod
    def _named(cls, values: dict[str, bool]) -> dict[str, bool]:
        named = {attribute_name(name): value for name, value in values.items()}
        if len(named) < len(values):
            raise ValueError("an attribute is given twice")
        if not all(named):
            raise ValueError("an attribute has no name")
        return named


class AttributesTask(StatedTask[AttributesAnswer]):
    """Tell which of the named attributes a face shows.

    `question` and `target` draw the names first, so equal seeds speak about the same ones.
    """

    name = "attributes"
    target_draws = True
    schema = AttributeValues
    record = AttributesAnswer
    canonical = f"Which of these does {{face}} show: {', '.join(EXAMPLES)}?"
    suffix = "Answer with true or false for each as JSON."
    asks = ()
    prose_questions = PROSE_QUESTIONS

    def known(self, labels: FaceLabels) -> AttributesAnswer | None:
        """All labelled attributes that may be asked about."""
        found = {attribute_name(name): value for name, value in (labels.attributes or {}).items()}
        known = {name: value for name, value in found.items() if _askable(name)}
        return AttributesAnswer(attributes=known) if known else None

    def _drawn(self, sample: Sample, rng: random.Random, face: int) -> dict[str, bool] | None:
        labels = labels_of(sample, face)
        known = None if labels is None else self.known(labels)
        if known is None:
            return None
        names = sorted(known.attributes)
        chosen = rng.sample(names, min(LIMIT, len(names)))
        return {name: known.attributes[name] for name in chosen}

    def question(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> str:
        """Ask about labelled attributes by name; about `EXAMPLES` where there are none."""
        names = listing(list(self._drawn(sample, rng, face) or EXAMPLES))
        if register == "prose":
            return ask(rng, len(sample.faces), face, PROSE_QUESTIONS, names=names)
        named = the_face(rng, len(sample.faces), face)
        return f"{rng.choice(QUESTIONS).format(names=names, face=named)} {self.suffix}"

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do."""
        return self.question(sample, rng, face, "prose")

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> AttributesAnswer | None:
        """The labels of the attributes that the generator draws."""
        drawn = self._drawn(sample, rng, face)
        return None if drawn is None else AttributesAnswer(attributes=drawn)

    def to_json(self, answer: AttributesAnswer) -> dict[str, object]:
        """Name → value."""
        return {**answer.attributes}

    def from_json(self, value: dict[str, object]) -> AttributesAnswer:
        """The opposite of `to_json`."""
        return AttributesAnswer.model_validate({"attributes": value})

    def say(self, answer: AttributesAnswer, rng: random.Random) -> str:
        """What is there and what is not, in two sentences or one."""
        heads = rng.choice(PRESENT_AND_ABSENT)
        lists = [[n for n, v in answer.attributes.items() if v is value] for value in (True, False)]
        parts = [
            head.format(", ".join(names)) for head, names in zip(heads, lists, strict=True) if names
        ]
        return " ".join(parts if rng.random() < 0.5 else parts[::-1])

    def hear(self, text: str) -> dict[str, object] | None:
        """The lists of the sentences; None where anything else is said, or a name twice."""
        said = text.strip()
        lists = (_lists(said, heads) for heads in PRESENT_AND_ABSENT)
        return next((found for found in lists if found), None)

    def compare(self, prediction: AttributesAnswer | None, gold: AttributesAnswer) -> Score:
        """The share of the gold's attributes that are right; others in the answer do not count."""
        said = {} if prediction is None else prediction.attributes
        right = [said.get(name) is value for name, value in gold.attributes.items()]
        value = sum(right) / len(right)
        return Score(value=value, parts={"attributes": value})

    def metrics(self, scored: Sequence[Scored[AttributesAnswer]]) -> dict[str, Interval]:
        """Add accuracies; an attribute without an answer is wrong.

        Returns:
            `accuracy`: share of the attributes asked about that are right; `balanced_accuracy`: the
            mean over the attributes of the mean of their two recalls, of those that are there and
            of those that are absent, as far as both occur; `accuracy/NAME` and
            `balanced_accuracy/NAME`: of one attribute, over the samples that were asked about it.
        """
        pairs = answered(scored)
        names = sorted({name for _, gold, _ in pairs for name in gold.attributes})
        place = {name: k for k, name in enumerate(names)}
        rows = np.zeros((len(pairs), len(names), 2, 2))
        for row, (prediction, gold, _) in zip(rows, pairs, strict=True):
            said = {} if prediction is None else prediction.attributes
            for name, value in gold.attributes.items():
                row[place[name], int(value)] = 1, said.get(name) is value
        subjects = [subject for _, _, subject in pairs]
        found = {**super().metrics(scored), **_accuracies(subjects, rows)}
        for name, k in place.items():
            asked = np.flatnonzero(rows[:, k, :, 0].any(axis=1))
            numbers = _accuracies([subjects[i] for i in asked], rows[asked][:, k : k + 1])
            found |= {f"{number}/{name}": interval for number, interval in numbers.items()}
        return found


def _askable(name: str) -> bool:
    """Whether a name can stand in a list of names, and should."""
    return bool(name) and name not in NEVER_ASKED and not set(name) & set(",.:;{}<>")


def _lists(said: str, heads: tuple[str, str]) -> dict[str, object] | None:
    """Both lists of a text under two heads, in either order; None where it is something else."""
    starts = [head.partition("{}")[0] for head in heads]
    sentences = [part for part in said.removesuffix(".").split(". ") if said.endswith(".")]
    lists: dict[bool, list[str]] = {}
    for sentence in sentences:
        value = sentence.startswith(starts[0])
        if value in lists or not sentence.startswith(starts[not value]):
            return None
        lists[value] = sentence.partition(": ")[2].split(", ")
    found: dict[str, object] = {name: v for v, names in lists.items() for name in names}
    return found if len(found) == sum(map(len, lists.values())) else None


def _accuracies(subjects: Sequence[str], rows: Rows) -> dict[str, Interval]:
    """`accuracy` and `balanced_accuracy` over attributes.

    Args:
        subjects: (N,).
        rows: (N, K, 2, 2): whether attribute k was asked about and whether rightly answered, apart
            for those that are absent and those that are there.
    """
    groups = by_subject(subjects, rows.reshape(len(rows), rows[:1].size))

    def formulas(sums: Rows) -> Rows:
        asked, right = np.moveaxis(sums.reshape(len(sums), -1, 2, 2), -1, 0)
        plain = right.sum((1, 2)) / asked.sum((1, 2))
        return np.stack([plain, _mean(_mean(_ratio(right, asked)))], axis=1)

    names = ("accuracy", "balanced_accuracy")
    return cluster_formulas(groups, names, formulas, shares=("accuracy",))


def _ratio(above: Rows, below: Rows) -> Rows:
    result: Rows = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _mean(values: Rows) -> Rows:
    """The mean of the defined entries along the last axis."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(-1), known.sum(-1).astype(np.float64))
