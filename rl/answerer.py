"""A checkpoint that answers about stored pictures, as `rl.decode` draws answers."""

from pathlib import Path

from torch import Tensor
from transformers import BatchFeature

from facellm.train import evaluate
from rl.decode import Choice, draw
from rl.prefix import shares


class Answerer(evaluate.Answerer):
    """The evaluation's answerer: the same answers where they are greedy, drawn for less.

    Copies of a question, as they are asked for several answers, are read once.
    """

    def __init__(self, folder: Path, temperature: float = 0.0, use_cpu: bool = False) -> None:
        super().__init__(folder, temperature, use_cpu)
        stops = self.model.generation_config.eos_token_id
        self.choice = Choice(
            evaluate.MAX_NEW_TOKENS, stops if isinstance(stops, list) else [stops], temperature
        )

    def drawn(self, inputs: BatchFeature) -> Tensor | list[list[int]]:
        """See `facellm.train.evaluate.Answerer`."""
        if not shares(self.model):
            return super().drawn(inputs)
        return draw(self.model, inputs, [1] * len(inputs["input_ids"]), self.choice)
