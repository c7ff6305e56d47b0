"""`facellm train RECIPE`: corpora to a checkpoint that `facellm` can load.

corpora ─ crops ─► stage see (vision + heads) ─► stage speak (projector + language model)
                                                    └─► output_dir/model, report.json
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from facellm.core.recipe import claim, dump
from facellm.model import FaceLLMForConditionalGeneration, FaceLLMProcessor, build, vision_config
from facellm.model.build import train_tokenizer
from facellm.train.crops import Crops, load_crops
from facellm.train.heads import Heads
from facellm.train.recipe import Recipe, load_recipe
from facellm.train.see import Seer, learn_to_see
from facellm.train.speak import compose, compose_empty, learn_to_speak


def run(recipe_path: Path, overrides: Sequence[str] = (), dry_run: bool = False) -> Path | None:
    """Run a recipe from where it stopped, or from the start; returns the checkpoint's folder.

    Args:
        recipe_path: YAML file, see `facellm.train.recipe`.
        overrides: `dotted.key=value`.
        dry_run: only print the resolved recipe; returns None.

    Raises:
        FaceLLMError: a mistake in the recipe or corpora, or another recipe than the run began with.
    """
    recipe = load_recipe(recipe_path, overrides)
    resolved = dump(recipe)
    if dry_run:
        print(resolved, end="")
        return None
    folder = recipe.output_dir
    claim(folder, resolved)
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    crops = [load_crops(c.path, "train", c.limit, c.balance) for c in recipe.corpora]
    weights = [corpus.weight for corpus in recipe.corpora]
    print("training faces: " + ", ".join(str(len(c)) for c in crops), flush=True)
    model, processor = assemble(recipe, crops)
    vision = model.model.vision
    seer = Seer(vision, Heads(vision.config.region_size, vision.config.hidden_size))
    images = processor.image_processor
    learn_to_see(seer, images, crops, weights, recipe.see, recipe.seed, folder)
    learn_to_speak(model, processor, crops, weights, recipe.speak, recipe.seed, folder)
    target = folder / "model"
    save(model, processor, target)
    if recipe.evaluate:
        from facellm.train.evaluate import evaluate

        corpora = [corpus.path for corpus in recipe.corpora]
        evaluate(target, corpora, recipe.evaluate, folder / "report.json")
    return target


def assemble(
    recipe: Recipe, crops: Sequence[Crops]
) -> tuple[FaceLLMForConditionalGeneration, FaceLLMProcessor]:
    """The untrained model of a recipe, its tokenizer learned from the tasks' own texts."""
    vision = vision_config(recipe.model.tower, recipe.model.layer, **recipe.model.vision)
    tokenizer = train_tokenizer(
        _texts(crops, recipe.model.tokenizer_texts, recipe.seed), recipe.model.vocab_size
    )
    return build(vision, recipe.model.text, tokenizer)


def _texts(crops: Sequence[Crops], count: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(count):
        corpus = rng.randrange(len(crops))
        faces = [(corpus, rng.randrange(len(crops[corpus]))) for _ in range(rng.randint(1, 3))]
        sample = crops[corpus].samples[faces[0][1]]
        empty = rng.random() < 0.02
        picture = compose_empty(sample, rng) if empty else compose(crops, faces, rng)
        yield picture.question
        yield picture.answer


def save(model: FaceLLMForConditionalGeneration, processor: FaceLLMProcessor, folder: Path) -> None:
    """Write a checkpoint, its weights as float16: half the size, and more exact than bfloat16.

    The configuration keeps float32: that is what it is loaded and computed in on a CPU.
    """
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    model.save_pretrained(folder, state_dict=half)
    processor.save_pretrained(folder)
