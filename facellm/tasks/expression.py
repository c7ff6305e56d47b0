"""Which of eight expressions a face shows: `<answer>{"emotion": "happiness"}</answer>`."""

import random
from collections.abc import Sequence
from functools import lru_cache

from pydantic import ValidationError, field_validator

from facellm.core.clauses import ADJECTIVES
from facellm.core.emotions import ALIASES, EMOTIONS, emotion
from facellm.core.grammar import ParseFailure, first_error, render_answer
from facellm.core.read_prose import named_emotion
from facellm.core.sample import Record, Sample
from facellm.core.statistics import Interval
from facellm.tasks.base import Exchange, Score, Scored, Task, answered, labels_of
from facellm.tasks.class_metrics import class_metrics
from facellm.tasks.response import Register, Unanswerable, read_blocks
from facellm.tasks.wording import ask

YES_NO_SHARE = 0.15
"""Share of the prose exchanges that ask about one emotion and are answered with yes or no."""

PROSE_QUESTIONS = (
    "what emotion is shown?", "what expression {does} {who} have?", "how {does} {who} feel?",
    "how {does} {who} look?", "what emotion {does} {who} show?", "what is {whose} expression?",
    "what is {whose} mood?", "which emotion can you see?", "which expression {is_} {who} showing?",
    "what {is_} {who} feeling?", "name {whose} emotion.", "emotion?", "expression?",
    "what emotion {does} {who} express?", "describe {whose} expression in one word.",
    "can you tell me how {who} {looks}?", "could you please name {whose} expression?",
    "please tell me what emotion {who} {is_} showing.", "what would you say {who} {is_} feeling?",
    "what does {whose} expression suggest?", "how would you read {whose} expression?",
    "which of the basic emotions {does} {who} show?", "what kind of expression is this?",
    "tell me {whose} facial expression.", "in a word, how {does} {who} look?",
    "I'd like to know how {who} {looks}.", "what mood {is_} {who} in?",
    "how {is_} {who} doing?", "classify {whose} expression.", "what feeling {does} {who} show?",
)  # fmt: skip
YES_NO_QUESTIONS = (
    "{is_} {who} {adjective}?", "{does} {who} look {adjective}?", "{does} {who} seem {adjective}?",
    "would you say {who} {is_} {adjective}?", "{is_} {whose} expression {adjective}?",
    "do you think {who} {looks} {adjective}?",
)  # fmt: skip
SENTENCES = (
    "This face looks {adjective}.", "The person looks {adjective}.",
    "The expression is {adjective}.", "The person seems {adjective}.",
    "The face appears {adjective}.", "The face shows {noun}.", "This expression suggests {noun}.",
    "The expression reads as {noun}.", "People would usually say this face looks {adjective}.",
    "The face expresses {noun}.", "I would say the person looks {adjective}.",
    "This is an expression of {noun}.",
)  # fmt: skip


class ExpressionAnswer(Record):
    """The expression of one face."""

    emotion: str
    """One of the eight emotion nouns; their aliases are accepted and turned into the noun."""

    @field_validator("emotion")
    @classmethod
    def _noun(cls, value: str) -> str:
        return emotion(value)


@lru_cache(1 << 8)  # eight nouns and their aliases
def _answer_of(word: str) -> ExpressionAnswer:
    return ExpressionAnswer(emotion=word)


class ExpressionTask(Task[ExpressionAnswer]):
    """Name the expression of a face."""

    name = "expression"
    target_draws = False
    schema = ExpressionAnswer
    canonical = "Which expression does {face} show?"
    suffix = "Answer with the emotion as JSON."
    asks = (
        "What is the expression of {face}?",
        "What emotion does {face} show?",
        "Name the expression of {face}.",
    )

    def prose_question(self, sample: Sample, rng: random.Random, face: int) -> str:
        """Ask as people do; never with yes or no, which `exchange` asks."""
        return ask(rng, len(sample.faces), face, PROSE_QUESTIONS)

    def target(self, sample: Sample, rng: random.Random, face: int = 1) -> ExpressionAnswer | None:
        """The labelled emotion."""
        labels = labels_of(sample, face)
        if labels is None or labels.emotion is None:
            return None
        return _answer_of(labels.emotion)

    def render(
        self,
        answer: ExpressionAnswer,
        register: Register = "task",
        rng: random.Random | None = None,
    ) -> str:
        """Write the JSON block or one sentence."""
        if register == "task":
            return render_answer({"emotion": answer.emotion})
        rng = rng or random.Random(0)
        plain = [s for s in SENTENCES if "{noun}" not in s]  # "suggests neutral" is no English
        sentence = rng.choice(plain if answer.emotion == "neutral" else SENTENCES)
        adjective = rng.choice(ADJECTIVES[answer.emotion])
        return sentence.format(adjective=adjective, noun=answer.emotion)

    def exchange(
        self, sample: Sample, rng: random.Random, face: int = 1, register: Register = "task"
    ) -> Exchange[ExpressionAnswer] | None:
        """As for every task; in prose, some questions ask for yes or no."""
        gold = self.target(sample, rng, face)
        yes_no = register == "prose" and rng.random() < YES_NO_SHARE
        if gold is None or not yes_no:
            return super().exchange(sample, rng, face, register)
        # Half of the questions ask about the emotion that is shown, so that yes is no giveaway.
        asked = gold.emotion if rng.random() < 0.5 else rng.choice(EMOTIONS)
        adjective = rng.choice(ADJECTIVES[asked])
        question = ask(rng, len(sample.faces), face, YES_NO_QUESTIONS, adjective=adjective)
        said = self.render(gold, "prose", rng)
        word = "Yes" if asked == gold.emotion else "No"
        rest = said if said.startswith("I ") else said[:1].lower() + said[1:]
        return Exchange(question, f"{word}, {rest}", gold)

    def parse(self, text: str) -> ExpressionAnswer | Unanswerable | ParseFailure:
        """Read an answer block, bare JSON, one emotion word, or a sentence that names one."""
        blocks = read_blocks(text)
        if isinstance(blocks, ParseFailure | Unanswerable):
            return blocks
        if blocks is not None:
            try:
                return ExpressionAnswer.model_validate(blocks.answer)
            except ValidationError as error:
                return ParseFailure(reason=first_error(error), text=text)
        word = text.strip().strip("*_`'\"“”‘’.,!: \n").lower()
        if word in ALIASES:
            return ExpressionAnswer(emotion=ALIASES[word])
        body = text.strip()
        for start in (
            "Yes, ",
            "No, ",
        ):  # answers to a yes-or-no question; "no" negates nothing here
            body = body.removeprefix(start)
        named = named_emotion(body)
        if isinstance(named, ParseFailure):
            return ParseFailure(reason=named.reason, text=text)
        return ExpressionAnswer(emotion=named)

    def compare(self, prediction: ExpressionAnswer | None, gold: ExpressionAnswer) -> Score:
        """1 for the same emotion, else 0."""
        right = float(prediction is not None and prediction.emotion == gold.emotion)
        return Score(value=right, parts={"emotion": right})

    def metrics(self, scored: Sequence[Scored[ExpressionAnswer]]) -> dict[str, Interval]:
        """Add `accuracy`, `uar` and `macro_f1` of `class_metrics`; a failure is an error."""
        pairs = [
            (None if p is None else p.emotion, g.emotion, who) for p, g, who in answered(scored)
        ]
        return {**super().metrics(scored), **class_metrics(pairs, EMOTIONS)}
