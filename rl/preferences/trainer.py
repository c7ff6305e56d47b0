"""TRL's DPOTrainer with pictures and landmarks in the policy's and the reference's log-probability.

TRL sees pictures on their way only through a collator that knows no landmarks, and keeps no
reference log-probabilities of pictures. So a pair reaches it tokenised, as a text would, and this
collator adds the picture and its landmarks, for the reference pass before the first step as for
every step:

    pairs ─ ids ─► pictures, landmarks ─┬► start model: log p of chosen and rejected, kept
                                        └► model: log p of both ─► loss

The reference is the start model itself, asked before anything is learned: no second model is held.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch import Tensor, nn
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from facellm.core.errors import FaceLLMError
from facellm.faces import load_image
from facellm.model import FaceLLMProcessor
from rl.folder import checked
from rl.preferences.pairs import Row

SEEN = ("pixel_values", "landmarks", "num_views")
"""What the model must be given beside the tokens of a pair."""


def tokenised(rows: Sequence[Row], processor: FaceLLMProcessor) -> Dataset:
    """Pairs as TRL takes tokenised ones: ids of prompt, chosen and rejected, and the pair's number.

    A prompt is the text that the model was asked with, each image token as often as its picture
    has tokens; an answer ends with the end of turn, which is learned too.
    """
    end = processor.tokenizer.eos_token
    columns: dict[str, list[Any]] = {
        name: [] for name in ("pair", "prompt_ids", "chosen_ids", "rejected_ids")
    }
    for number, row in enumerate(rows):
        content = [{"type": "image"}, {"type": "text", "text": row["question"]}]
        text = processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        shown = _shown([row], processor)
        (count,) = processor.image_token_counts(shown["landmarks"], shown["num_views"])
        text = text.replace(processor.image_token, processor.image_token * count)
        columns["pair"].append(number)
        for name, part in (
            ("prompt_ids", text), ("chosen_ids", row["chosen"] + end),
            ("rejected_ids", row["rejected"] + end),
        ):  # fmt: skip
            ids = processor.tokenizer(part, add_special_tokens=False)["input_ids"]
            columns[name].append(ids)
    return Dataset.from_dict(columns)


class Collator:
    """A batch of P pairs (2P, T): chosen answers, then rejected ones, each with its picture."""

    def __init__(self, rows: Sequence[Row], processor: FaceLLMProcessor) -> None:
        self.rows, self.processor = rows, processor
        self.text = DataCollatorForPreference(pad_token_id=processor.tokenizer.pad_token_id)

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        own = [self.rows[example["pair"]] for example in examples]
        return self.text(examples) | _shown(own * 2, self.processor)


def _shown(rows: Sequence[Row], processor: FaceLLMProcessor) -> dict[str, Tensor]:
    pictures = [load_image(Path(row["corpus"]) / row["image"]) for row in rows]
    seen = processor.image_processor(pictures, [row["landmarks"] for row in rows])
    return {name: seen[name] for name in SEEN}


class FaceDPOTrainer(DPOTrainer):
    """DPO for models with landmarks."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset  # `tokenised` did it, with the pictures' tokens

    def compute_ref_log_probs(self, model: nn.Module, inputs: Any) -> Any:
        self._see(inputs)
        return super().compute_ref_log_probs(model, inputs)

    def _compute_loss(self, model: nn.Module, inputs: Any, return_outputs: bool) -> Tensor:
        self._see(inputs)
        loss: Tensor = super()._compute_loss(model, inputs, return_outputs)
        return checked(loss, self.state.global_step)

    def _see(self, inputs: Any) -> None:
        """See that a batch has its faces, and keep the statistics of the seeing part.

        Batch statistics would make an answer's probability depend on its neighbours, and differ
        between policy and reference.
        """
        missing = [name for name in (*SEEN, "completion_mask") if inputs.get(name) is None]
        if missing:
            raise FaceLLMError(f"a batch came without its {missing[0]}; this build of TRL drops it")
        self.accelerator.unwrap_model(self.model).model.vision.eval()
