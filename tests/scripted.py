"""A model that says what it is told to: everything around the real one, without its weights."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from facellm.core.emotions import EMOTIONS
from facellm.core.regions import REGIONS
from facellm.core.sample import Face
from facellm.evidence_map import EvidenceMap
from facellm.prompts import Completion, Request
from facellm.tasks import TASKS

UNITS = '<answer>{"AU6": 2, "AU12": 4}</answer>'
REASONING = (
    "<think>\ncheeks: raised towards the eyes (AU6, slight)\n"
    "mouth: corners pulled up (AU12, pronounced)\n"
    'AU6 + AU12 together indicate happiness.\n</think>\n<answer>{"emotion": "happiness"}</answer>'
)
CAPTION = "The corners of the mouth are pulled up (AU12, pronounced)."


class ScriptedTokenizer:
    """Emotions as single tokens, all else as characters."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        for index, word in enumerate(EMOTIONS):
            before, found, after = text.partition(word)
            if found:
                return [*map(ord, before), 2000 + index, *map(ord, after)]
        return [*map(ord, text)]


class ScriptedEngine:
    """Answers by the question; remembers what it was asked."""

    name = "facellm-scripted"
    max_faces = 2
    expression_temperature = 1.0

    def __init__(self) -> None:
        self.tokenizer = ScriptedTokenizer()
        self.asked: list[Request] = []

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += requests
        return [self._answer(request) for request in requests]

    def stream(self, request: Request) -> Iterator[str]:
        self.asked.append(request)
        yield from ("It ", "is ", "a smile.")

    def evidence_maps(self, image: Image.Image, faces: Sequence[Face]) -> list[EvidenceMap]:
        flat = np.full((len(REGIONS), 2, 2), 0.25)
        return [EvidenceMap.of(i, (0, 0, 8, 8), flat) for i, _ in enumerate(faces, 1)]

    def _answer(self, request: Request) -> Completion:
        if request.choices:
            wanted = 2000 + EMOTIONS.index("happiness")
            shares = {t: 0.65 if t == wanted else 0.05 for t in request.choices}
            return Completion(logprobs={t: math.log(share) for t, share in shares.items()})
        texts = {"action_units": UNITS, "reasoning": REASONING, "caption": CAPTION}
        for name, text in texts.items():
            if request.question == TASKS[name].canonical_question(None):
                return Completion(text)
        return Completion("It is a smile.")


def write_stub_checkpoint(folder: Path) -> Path:
    """Files that pass for a checkpoint until somebody loads them."""
    from safetensors.numpy import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "facellm"}))
    (folder / "processor_config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    save_file({"a": np.zeros(64, np.float32)}, folder / "model.safetensors")
    return folder
