"""What region guidance costs vLLM, and what vLLM gains over static batches, in one run.

python -m serve.throughput [MODEL] [--requests 128] [--rounds 3] [--out throughput.json]

    guided        the model in vLLM's engine, the points of the face given
    plain         the same without guidance, region tokens and readings, in vLLM's engine
    found         the model in vLLM's engine, which looks for the face itself
    static of N   the model by `transformers.generate`, N requests of their order at a time

Each has a process of its own, started and warmed before; they take turns, round by round, so that
a machine that grows slower is so for all. Every request of a run has a picture of its own, of one
face, and asks for another number of tokens, which is written to the end: answers are as long for
all. Beside what the clock says stands the processor time, which other work on the machine changes
little. Nothing is compared between rounds that did not run one after the other.
"""

import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from facellm.checkpoint import checkpoint_folder
from facellm.core.errors import one_line
from facellm.prompts import Request
from serve.turns import Done, Work, compared, in_turns, save

STATIC = {f"static of {size}": size for size in (8, 32, 128)}
"""Requests in a batch of `transformers.generate`: larger ones wait longer for their last answer,
and answer more requests a second as long as the memory holds them."""
OTHERS = ("plain", "found", *STATIC)
LENGTHS = (8, 200)
"""Tokens of an answer, drawn evenly on a logarithmic scale: many are short, some are long."""
WARM = 4
"""Requests before anything is timed."""


def requests(count: int, seed: int) -> list[Request]:
    """Questions about one photograph, each time of another size or colour: no cache knows any."""
    from skimage import data

    from facellm.faces import load_finder

    photo = Image.fromarray(data.astronaut()).crop((100, 0, 356, 256))
    [face] = load_finder().find(photo)
    rng = random.Random(seed)
    low, high = np.log(LENGTHS)
    made = []
    for number in range(count):
        side = 160 + number % 400
        points = np.asarray([face.points], np.float32) * side / photo.width
        length = round(float(np.exp(rng.uniform(low, high))))
        picture = photo.resize((side, side + number // 400))
        # In the face: vLLM is shown no more of the picture than its surroundings.
        picture.putpixel((side // 2, side // 2), (seed % 256, seed // 256, 0))
        made.append(Request(picture, points, "Describe this face.", max_tokens=length))
    return made


def without_regions(folder: Path, out: Path) -> Path:
    """A copy of a checkpoint that has neither guidance nor region tokens."""
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    import facellm.model  # noqa: F401  (registers the classes that the Auto classes return)

    config = AutoConfig.from_pretrained(folder)
    vision = config.vision_config
    vision.guidance = vision.read_out = vision.refine = False
    model = AutoModelForImageTextToText.from_pretrained(folder, config=config)
    model.save_pretrained(out)
    processor = AutoProcessor.from_pretrained(folder)
    processor.face_tokens = vision.face_tokens
    processor.save_pretrained(out)
    return out


def by_vllm(folder: Path, count: int, look: bool = False) -> Work:
    """Rounds of `count` requests by vLLM's engine, which looks for the faces itself if it must."""
    from serve.offline import vllm_engine

    engine = vllm_engine(folder)
    from vllm import SamplingParams

    from serve.shown import prompts

    def work(number: int) -> Callable[[], Done]:
        asked = requests(count if number else WARM, number)

        def do() -> Done:
            lengths = [
                SamplingParams(temperature=0, max_tokens=one.max_tokens, ignore_eos=True)
                for one in asked
            ]
            made = prompts(asked, engine.processor)
            if look:
                for prompt, one in zip(made, asked, strict=True):
                    prompt["multi_modal_data"] = {"image": [one.image]}
            engine.llm.generate(made, lengths, use_tqdm=False)
            return Done(len(asked))

        return do

    return work


def by_transformers(folder: Path, count: int, size: int) -> Work:
    """Rounds of `count` requests in batches of `size`, each as long as its longest answer."""
    from facellm.engine import TransformersEngine

    engine = TransformersEngine(folder)

    def work(number: int) -> Callable[[], Done]:
        asked = requests(count if number else WARM, number)

        def do() -> Done:
            for start in range(0, len(asked), size):
                batch = asked[start : start + size]
                longest = max(one.max_tokens for one in batch)
                engine.model.generate(
                    **engine.inputs(batch),
                    do_sample=False,
                    min_new_tokens=longest,
                    max_new_tokens=longest,
                )
            return Done(len(asked))

        return do

    return work


def main(
    model: Annotated[Path | None, typer.Argument(help="Model folder; the shipped one.")] = None,
    count: Annotated[int, typer.Option("--requests", help="Requests of a round.", min=1)] = 128,
    rounds: Annotated[int, typer.Option(help="Rounds of each kind.", min=1)] = 3,
    out: Annotated[Path | None, typer.Option(help="Write the numbers here as JSON.")] = None,
) -> None:
    """Compare them in one run."""
    with one_line("serve.throughput"), tempfile.TemporaryDirectory() as made:
        folder = checkpoint_folder(model)
        ways = {
            "guided": partial(by_vllm, folder, count),
            "plain": partial(by_vllm, without_regions(folder, Path(made)), count),
            "found": partial(by_vllm, folder, count, look=True),
            **{name: partial(by_transformers, folder, count, n) for name, n in STATIC.items()},
        }
        rows = in_turns(ways, rounds)
    found = compared(rows, "guided", OTHERS)
    save(out, rows, found)


if __name__ == "__main__":
    typer.run(main)
