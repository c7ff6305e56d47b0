"""`FaceLLMForConditionalGeneration`: face vision in front of any causal language model."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutputWithPast,
    BaseModelOutputWithPooling,
    CausalLMOutputWithPast,
)
from transformers.utils.generic import can_return_tuple

from facellm.core.errors import FaceLLMError
from facellm.core.regions import REGIONS
from facellm.model.configuration import FaceLLMConfig
from facellm.model.prompt import words_of_pictures
from facellm.model.vision import ABSENT, FaceVision

# Shapes: B prompts, T tokens, I images, V views in all images, L width of the language model.


class FaceLLMPreTrainedModel(PreTrainedModel):
    config_class = FaceLLMConfig
    config: FaceLLMConfig
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def _init_weights(self, module: nn.Module) -> None:
        """Leave the vision part as its constructors made it; the language model starts its own."""


class FaceLLMModel(FaceLLMPreTrainedModel):
    """The model without its head. All vision work is here: trainers call this one for the loss."""

    def __init__(self, config: FaceLLMConfig) -> None:
        super().__init__(config)
        self.vision = FaceVision(config.vision_config, config.text_config.hidden_size)
        self.language_model = AutoModel.from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_input_embeddings(value)

    @can_return_tuple
    def get_image_features(
        self,
        pixel_values: Tensor,
        landmarks: Tensor,
        num_views: Tensor,
        questions: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPooling:
        """Language-model tokens of each image, in `pooler_output` as a list of (n_i, L).

        Args:
            pixel_values: (V, 3, S, S).
            landmarks: int32 (V, max_faces, 68, 2), see `facellm.model.vision`.
            num_views: (I,) views of each image; they sum to V.
            questions: (I, L) what is asked about each image, see `questions`; needed by a model
                with `prompt_guided`, left alone by others.
        """
        counts = _views_of(num_views, len(pixel_values))
        if questions is not None:
            each = torch.tensor(counts, device=questions.device)
            questions = questions.repeat_interleave(each, 0)
        views = self.vision(pixel_values.to(self.dtype), landmarks, questions)
        images, start = [], 0
        for count in counts:
            images.append(torch.cat(views[start : start + count]))
            start += count
        return BaseModelOutputWithPooling(pooler_output=images)

    def questions(
        self,
        input_ids: Tensor,
        embeds_BTL: Tensor,
        attention_mask: Tensor | None,
        landmarks: Tensor,
        num_views: Tensor,
    ) -> Tensor:
        """What is asked about each image, (I, L), for a model with `prompt_guided`.

        It is asked in the turn that the image stands in; what is said in other turns changes
        nothing.
        """
        vision = self.config.vision_config
        attended = torch.ones_like(input_ids, dtype=torch.bool)
        if attention_mask is not None and attention_mask.shape == input_ids.shape:
            attended = attention_mask.bool()
        faces = (landmarks[..., 0, 0] != ABSENT).sum(1)
        per_view = vision.patch_tokens + vision.face_tokens * faces
        each = _views_of(num_views, len(landmarks))
        counts = [int(views.sum()) for views in per_view.split(each)]
        self._check_tokens(input_ids, sum(counts))
        end = self.config.text_config.eos_token_id
        ends = end if isinstance(end, list) else [end]
        words = words_of_pictures(input_ids, attended, self.config.image_token_id, ends, counts)
        asked = self.vision.projector.prompt.asked
        return torch.stack([asked(embeds_BTL[row, places]) for row, places in words])

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        landmarks: Tensor | None = None,
        num_views: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Run the language model over the prompt with every image token replaced by what was seen.

        Raises:
            FaceLLMError: another number of image tokens in the prompt than the views give.
        """
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
            if pixel_values is not None:
                questions = None
                if self.config.vision_config.prompt_guided:
                    questions = self.questions(
                        input_ids, inputs_embeds, attention_mask, landmarks, num_views
                    )
                seen = self.get_image_features(
                    pixel_values, landmarks, num_views, questions
                ).pooler_output
                inputs_embeds = self._place(input_ids, inputs_embeds, torch.cat(seen))
        return self.language_model(
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            **kwargs,
        )

    def _place(self, input_ids: Tensor, embeds_BTL: Tensor, seen_nL: Tensor) -> Tensor:
        self._check_tokens(input_ids, len(seen_nL))
        mask_BT = input_ids == self.config.image_token_id
        seen_nL = seen_nL.to(embeds_BTL.device, embeds_BTL.dtype)
        return embeds_BTL.masked_scatter(mask_BT.unsqueeze(-1), seen_nL)

    def _check_tokens(self, input_ids: Tensor, given: int) -> None:
        held = int((input_ids == self.config.image_token_id).sum())
        if held != given:
            raise FaceLLMError(
                f"the prompt holds {held} image tokens but the pictures give {given}; build both "
                "with the processor and do not truncate the prompt"
            )


def _views_of(num_views: Tensor, given: int) -> list[int]:
    counts: list[int] = num_views.flatten().tolist()
    if sum(counts) != given:
        raise FaceLLMError(
            f"num_views sums to {sum(counts)} but there are {given} views; "
            "pass the processor's outputs together"
        )
    return counts


class FaceLLMForConditionalGeneration(FaceLLMPreTrainedModel, GenerationMixin):
    """The whole model: pictures, landmarks and text in, text out."""

    def __init__(self, config: FaceLLMConfig) -> None:
        super().__init__(config)
        self.model = FaceLLMModel(config)
        text = config.text_config
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        nn.init.normal_(self.lm_head.weight, std=0.02)
        if config.tie_word_embeddings:
            # Language models differ in what they call their embedding.
            embedding = self.get_input_embeddings().weight
            names = (name for name, weight in self.named_parameters() if weight is embedding)
            self._tied_weights_keys = {"lm_head.weight": next(names)}
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def set_output_embeddings(self, value: nn.Module) -> None:
        self.lm_head = value

    def get_image_features(self, **inputs: Any) -> BaseModelOutputWithPooling:
        """See `FaceLLMModel.get_image_features`."""
        return self.model.get_image_features(**inputs)

    @torch.no_grad()
    def evidence_maps(self, pixel_values: Tensor, landmarks: Tensor) -> Tensor:
        """Where each region token looked: (V, max_faces, 15, G, G), each map summing to 1.

        Empty face slots, and models without read-out, give zeros.
        """
        _, _, attention, present = self.model.vision.see(pixel_values.to(self.dtype), landmarks)
        config = self.config.vision_config
        shape = (*present.shape, len(REGIONS), config.grid_size, config.grid_size)
        if attention is None:
            return pixel_values.new_zeros(shape)
        return attention.reshape(shape)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        landmarks: Tensor | None = None,
        num_views: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Next-token logits, and the language-modelling loss where labels are given.

        Args:
            input_ids: (B, T) with the processor's image tokens in place.
            pixel_values, landmarks, num_views: the processor's outputs, see `FaceLLMModel`.
            attention_mask: (B, T), 0 where padded.
            past_key_values: cache of earlier steps.
            labels: (B, T), −100 where unscored.
            logits_to_keep: how many last positions to score; 0 is all.
            **kwargs: whatever the language model takes.
        """
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            landmarks=landmarks,
            num_views=num_views,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            **kwargs,
        )
        keep = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(outputs.last_hidden_state[:, keep])
        loss = None
        if labels is not None:
            vocab = self.config.text_config.vocab_size
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=vocab)
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=outputs.past_key_values
        )

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Show the pictures on the first step only; later steps read them from the cache."""
        inputs = super().prepare_inputs_for_generation(
            input_ids, is_first_iteration=is_first_iteration, **kwargs
        )
        if not is_first_iteration:
            for name in ("pixel_values", "landmarks", "num_views"):
                inputs.pop(name, None)
        return inputs
