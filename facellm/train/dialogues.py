"""What is said about which faces: from labels or finished rows to ids and labels of a batch.

drawn faces ─ task.exchange ─► question, answer ─┐
row ─ its own messages ──────────────────────────┴─► chat ids, labels on the answers alone

Most pictures hold one face; some hold several, so that "face 2" means something; some none.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Sample
from facellm.model.processing import FaceLLMProcessor
from facellm.tasks import TASKS
from facellm.train.crops import Crops, draw
from facellm.train.inputs import Dialogue, Seen
from facellm.train.rows import Talks
from facellm.train.telling import Fact, make_up

SEVERAL, NONE = 0.15, 0.03
"""Shares of batches whose pictures have several faces, and of other pictures with none."""
MISSING = 0.01
"""Share of questions about a face that is not there."""
PROSE = 0.4
"""Share of exchanges in the prose register."""
IGNORED = -100
PATIENCE = 50
"""Faces drawn in search of one with a label that the tasks can ask about."""
LOOKED_AT = 200
"""Faces of a corpus that are looked at to find out what can be asked about it."""

Source = Crops | Talks


def asked(views: list[Seen], question: str, answer: str, facts: Sequence[Fact] = ()) -> Dialogue:
    """One question about one picture, and its answer."""
    content = [{"type": "image"}, {"type": "text", "text": question}]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    return Dialogue([views], messages, list(facts))


def compose(
    crops: Sequence[Source],
    drawn: list[tuple[int, int]],
    rng: random.Random,
    tasks: Mapping[str, float],
    made_up: float = 0.0,
) -> Dialogue | None:
    """Ask a random task about a random face of a picture made of the drawn faces.

    Of a share `made_up` of the faces, facts are made up. None where none of the tasks finds its
    labels.
    """
    samples = [_sample(crops, c, row) for c, row in drawn]
    faces = [one.faces[0] for one in samples]
    facts = [
        make_up(face.labels, rng) if made_up and rng.random() < made_up else Fact(face.labels)
        for face in faces
    ]
    held = [
        face.model_copy(update={"labels": fact.labels})
        for face, fact in zip(faces, facts, strict=True)
    ]
    sample = samples[0].model_copy(update={"faces": held})
    for _ in range(20):
        task = TASKS[rng.choices(list(tasks), list(tasks.values()))[0]]
        register: Literal["prose", "task"] = "prose" if rng.random() < PROSE else "task"
        face = rng.randint(1, len(samples))
        if rng.random() < MISSING:
            face = len(samples) + rng.randint(1, 2)
        exchange = task.exchange(sample, rng, face, register)
        if exchange is not None:
            views = [Seen("face", c, row, slot) for slot, (c, row) in enumerate(drawn)]
            return asked(views, exchange.question, exchange.text, facts)
    return None


def compose_empty(sample: Sample, rng: random.Random, tasks: Mapping[str, float]) -> Dialogue:
    """Ask about a picture without faces."""
    empty = sample.model_copy(update={"faces": []})
    while True:
        task = TASKS[rng.choice(list(tasks))]
        register: Literal["prose", "task"] = "prose" if rng.random() < PROSE else "task"
        exchange = task.exchange(empty, rng, 1, register)
        if exchange is not None:
            return asked([Seen("nothing")], exchange.question, exchange.text)


def draw_dialogues(
    sources: Sequence[Source],
    shares: Sequence[float],
    count: int,
    rng: np.random.Generator,
    tasks: Mapping[str, float],
    made_up: float = 0.0,
) -> list[Dialogue]:
    """Draw a batch of dialogues; of a share `made_up` of the faces, facts are made up.

    Raises:
        FaceLLMError: too many faces in a row without a label that the tasks could ask about.
    """
    text_rng = random.Random(int(rng.integers(2**63)))
    labelled = [0.0 if isinstance(s, Talks) else w for s, w in zip(sources, shares, strict=True)]
    several = rng.random() < SEVERAL and sum(labelled) > 0
    # A batch holds only pictures of several faces or none of them: padding would cost more than
    # the faces.
    count = max(1, count // 2) if several else count
    found: list[Dialogue] = []
    misses = 0
    while len(found) < count:
        number = int(rng.integers(2, 4)) if several else 1
        drawn = draw(sources, labelled if several else shares, number, rng)
        corpus, row = drawn[0]
        source = sources[corpus]
        if isinstance(source, Talks):
            found.append(source.dialogue(corpus, row))
            continue
        # The first dialogue of a batch has a face, so that every batch reaches every part.
        if found and not several and rng.random() < NONE:
            found.append(compose_empty(source.samples[row], text_rng, tasks))
            continue
        dialogue = compose(sources, drawn, text_rng, tasks, made_up)
        if dialogue is not None:
            found.append(dialogue)
            misses = 0
            continue
        misses += 1
        if misses == PATIENCE:
            raise FaceLLMError(
                f"{PATIENCE} faces in a row have no label that {', '.join(tasks)} can ask about; "
                "choose other tasks, or give the corpora that have these labels more weight"
            )
    return found


def check_labels(
    sources: Sequence[Source], shares: Sequence[float], tasks: Mapping[str, float], stage: str
) -> None:
    """See that every task finds a face with its labels in some corpus of the stage.

    Raises:
        FaceLLMError: a task for which none of the faces looked at has labels.
    """
    looked_at: list[Sample] = []
    for source, share in zip(sources, shares, strict=True):
        if share and isinstance(source, Crops):
            looked_at += source.samples[:: max(1, len(source) // LOOKED_AT)]
    if not looked_at:
        return
    others = [*looked_at[1:], looked_at[0]]
    for name in (name for name, share in tasks.items() if share):
        if not any(_askable(name, *pair) for pair in zip(looked_at, others, strict=True)):
            raise FaceLLMError(
                f"stage {stage}: no face has the labels that task {name} asks about "
                f"({len(looked_at)} looked at); take it out of tasks, or add a corpus with them"
            )


def _askable(name: str, sample: Sample, other: Sample) -> bool:
    """Whether a task can ask about a face, or about two of them."""
    both = sample.model_copy(update={"faces": [sample.faces[0], other.faces[0]]})
    return any(TASKS[name].target(s, random.Random(0)) is not None for s in (sample, both))


def _sample(crops: Sequence[Source], corpus: int, row: int) -> Sample:
    source = crops[corpus]
    assert isinstance(source, Crops), "rows hold no labels to ask about"
    return source.samples[row]


class Encoded(NamedTuple):
    """A dialogue as the model reads it."""

    ids: list[int]
    labels: list[int]
    """The ids that are scored, `IGNORED` elsewhere."""
    pictures: list[list[Seen]]
    facts: list[Fact | None]
    """What is held true of each face among the views."""
    name: str
    """What errors call it."""


def encode(processor: FaceLLMProcessor, dialogue: Dialogue) -> Encoded:
    """Ids with every picture's tokens in place; the assistant's turns alone are scored."""
    ids: list[int] = []
    labels: list[int] = []
    tokens = iter(
        sum(processor.patch_tokens + processor.face_tokens * (v.kind == "face") for v in picture)
        for picture in dialogue.pictures
    )
    tokenizer = processor.tokenizer
    messages = dialogue.messages
    for turn, message in enumerate(messages):
        if message["role"] == "assistant":
            said = _text(message["content"])
            answer = tokenizer(said, add_special_tokens=False)["input_ids"]
            answer = [*answer, tokenizer.eos_token_id]
            ids += answer
            labels += answer
            continue
        # The template is asked for what each turn adds; answers close with the end token alone.
        ready = turn + 1 < len(messages) and messages[turn + 1]["role"] == "assistant"
        text = processor.apply_chat_template([message], add_generation_prompt=ready, tokenize=False)
        head, *tails = text.split(processor.image_token)
        text = head + "".join(processor.image_token * next(tokens) + tail for tail in tails)
        text = "\n" + text if turn and messages[turn - 1]["role"] == "assistant" else text
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += prompt
        labels += [IGNORED] * len(prompt)
    faces = sum(view.kind == "face" for picture in dialogue.pictures for view in picture)
    return Encoded(
        ids, labels, dialogue.pictures, [*dialogue.facts] or [None] * faces, dialogue.name
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)


def pad(rows: Sequence[Encoded], padding: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, attention mask and labels (B, T), padded on the right."""
    longest = max(len(row.ids) for row in rows)
    input_ids = torch.full((len(rows), longest), padding)
    labels = torch.full((len(rows), longest), IGNORED)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for number, row in enumerate(rows):
        end = len(row.ids)
        input_ids[number, :end] = torch.tensor(row.ids)
        labels[number, :end] = torch.tensor(row.labels)
        mask[number, :end] = 1
    return input_ids, mask, labels
