"""Run by its test in its own process: Qwen3-VL with face regions in transformers and in vLLM.

python qwen3_vl_parity.py FOLDER OUT.json

The model is a tiny random one; it is made here and written to FOLDER.
"""

import json
import sys
from pathlib import Path
from typing import Any

import parity  # sets what vLLM reads from the environment: first

sys.path.append(str(Path(__file__).parents[1] / "stock"))

import tiny
import torch
from PIL import Image


class QwenSides(parity.Sides):
    def transformers(self, prompt: str, images: list, points: list) -> list[int]:
        return written(
            self.model,
            self.processor(text=[prompt], images=[images], landmarks=points, return_tensors="pt"),
        )


def written(model: Any, inputs: Any) -> list[int]:
    tokens = model.generate(**inputs, do_sample=False, max_new_tokens=parity.TOKENS)
    return tokens[0, inputs["input_ids"].shape[1] :].tolist()


def make(folder: str) -> Any:
    """Write the model as after training, its gates open; return the stock model it comes from."""
    from facellm.stock import add_face_regions

    stock = tiny.qwen3_vl(head_dim=32)
    twin = tiny.qwen3_vl(head_dim=32)
    model, processor = add_face_regions(twin.model, twin.processor)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.model.region_encoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for level in model.model.region_encoder.levels:
            level.gate.fill_(float(torch.rand(1)) + 8)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return stock


def shut(model: Any) -> None:
    for level in model.region_encoder.levels:
        level.gate.data.zero_()


def marked(sides: QwenSides) -> list[dict[str, Any]]:
    """Landmarks that ride in a Pillow image, as transformers takes them too: two faces apart."""
    prompt, cases = sides.prompt("Why?"), []
    for seed in (21, 22):
        image = parity.pictures()[2]
        points = parity.landmarks(image, 1, seed)
        image.info["landmarks"] = points
        request = {"prompt": prompt, "multi_modal_data": {"image": [image]}}
        [answer] = sides.vllm([request])
        expected = sides.transformers(prompt, [image], [None])
        cases.append({"kind": "marked", "vllm": answer, "transformers": expected})
    return cases


def closed(sides: QwenSides, stock: tiny.Tiny) -> list[dict[str, Any]]:
    """With shut gates vLLM writes what the stock model writes, whatever the faces.

    Pictures no cache has seen: the engine does not know that its weights changed.
    """
    sides.llm.apply_model(shut)
    cases = []
    for seed, faces in enumerate((0, 1, 3, 1)):
        image: Image.Image = tiny.picture(100 + 9 * seed, 70, 30 + seed)
        points, prompt = tiny.faces(image, faces), sides.prompt("What does the mouth do?")
        items = [parity.item(image, points)]
        [answer] = sides.vllm([{"prompt": prompt, "multi_modal_data": {"image": items}}])
        inputs = stock.processor(text=[prompt], images=[[image]], return_tensors="pt")
        cases.append(
            {"kind": "closed", "vllm": answer, "transformers": written(stock.model, inputs)}
        )
    return cases


def main(folder: str, out: str) -> None:
    stock = make(folder)
    sides = QwenSides(folder, max_model_len=512, skip_mm_profiling=False)
    result = {
        "refused": parity.refused(sides),
        "cases": parity.given_and_found(sides, parity.QUESTIONS[:1])
        + parity.two_pictures(sides)
        + parity.other_channels(sides)
        + marked(sides),
        "closed": closed(sides, stock),  # last: it changes the weights
    }
    Path(out).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
