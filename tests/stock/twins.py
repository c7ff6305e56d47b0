"""A stock family as it comes and with a face-region encoder."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import tiny

from facellm.stock import add_face_regions


class Pair(NamedTuple):
    """One family twice, from the same seed."""

    name: str
    stock: tiny.Tiny
    model: Any
    processor: Any

    def inputs(self, images: list, landmarks: list | None, question: str = "hello", **more: Any):
        """One prompt about all pictures."""
        prompt = "".join(f"{self.stock.image} " for _ in images) + question
        return self.processor(
            text=[prompt], images=[images], landmarks=landmarks, return_tensors="pt", **more
        )

    def stock_inputs(self, images: list, question: str = "hello"):
        prompt = "".join(f"{self.stock.image} " for _ in images) + question
        return self.stock.processor(text=[prompt], images=[images], return_tensors="pt")


def lent(name: str, pairs: dict[str, Pair]) -> Iterator[Pair]:
    """The pair of a family, built once; the gate is shut again after every test."""
    if name not in pairs:
        twin = tiny.FAMILIES[name]()
        model, processor = add_face_regions(twin.model, twin.processor, finder=None)
        pairs[name] = Pair(name, tiny.FAMILIES[name](), model, processor)
    yield pairs[name]
    tiny.open_gate(pairs[name].model, 0.0)
