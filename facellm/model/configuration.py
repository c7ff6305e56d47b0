"""Configuration of the face language model: vision tower, region encoder, text."""

from typing import Any, ClassVar, Literal

from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

from facellm.core.errors import FaceLLMError
from facellm.core.regions import REGIONS


class FaceVisionConfig(PreTrainedConfig):
    """The part of the model that sees: open_clip tower, face-region encoder, projector.

    `tower` is an open_clip `vision_cfg` (the JSON object of one of its model configs): what the
    tower looks like is stored with the weights, so a checkpoint never depends on a model list.
    """

    model_type = "facellm_vision"

    tower: dict | None = None
    """open_clip `vision_cfg`, such as `{"layers": 12, "width": 768, "patch_size": 16, ...}`."""
    layer: int = -1
    """Index of the tower's block (ViT) or stage (convolutional) whose output is used."""
    hidden_size: int = 64
    """D: channels of that output."""
    grid_size: int = 14
    """G: patches along one side of the view, row by row from the top left."""
    image_size: int = 112
    """S: side of a square view in pixels."""
    pool: int = 2
    """Patches are averaged pool × pool before the language model sees them."""
    max_faces: int = 8
    region_size: int = 128
    """E: width of a region token inside the encoder."""
    heads: int = 2
    head_size: int = 32
    """Width of a query or key per head."""
    guidance: bool = True
    """Whether patches attend to the region tokens."""
    read_out: bool = True
    """Whether region tokens attend back to the patches and join the prompt."""
    readings: bool = True
    """Whether action units and expression are read off the region tokens and told to the language
    model; needs the read-out."""
    refine: bool = False
    """Whether readings hear the points where the patches show them to be, see `Refiner` in
    `facellm.model.refine`, instead of where they were given; needs the readings."""
    gate: float = 0.1
    """Initial value of the guidance gate γ; 0 leaves a trained tower's features unchanged."""
    prompt_guided: bool = False
    """Whether what the language model is shown depends on the question, see `facellm.model.prompt`.
    Servers that keep what they saw of a picture for all questions cannot run such a model."""
    inner_layers: list[int] | None = None
    """Blocks or stages before `layer` that the question also chooses from; `vision_config` names
    and measures them."""
    inner_sizes: list[int] | None = None
    """Channels of their outputs."""

    @property
    def patch_tokens(self) -> int:
        """Tokens a view's patches take in the prompt."""
        return (self.grid_size // self.pool) ** 2

    @property
    def face_tokens(self) -> int:
        """Region tokens a face takes in the prompt."""
        return len(REGIONS) if self.read_out else 0


def expression_temperature(config: PreTrainedConfig) -> float:
    """A model's `expression_temperature`; 1 for stock models, which have none."""
    return getattr(config, "expression_temperature", 1.0)


class FaceLLMConfig(PreTrainedConfig):
    """Vision part plus any causal language model of transformers."""

    model_type = "facellm"
    sub_configs = {"text_config": AutoConfig, "vision_config": FaceVisionConfig}  # noqa: RUF012
    # TRL looks a custom architecture up through `auto_map` when its class is not in transformers.
    auto_map: ClassVar[dict[str, Any]] = {}

    vision_config: dict | PreTrainedConfig | None = None
    text_config: dict | PreTrainedConfig | None = None
    image_token_id: int = 0
    expression_temperature: float = 1.0
    """What tempers the probabilities of expressions, p^(1/T) over their sum; 1 leaves them as the
    language model has them. Measured by `eval.temper`."""
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        if self.vision_config is None:
            self.vision_config = FaceVisionConfig()
        elif isinstance(self.vision_config, dict):
            self.vision_config = FaceVisionConfig(**self.vision_config)
        if self.text_config is None:
            self.text_config = CONFIG_MAPPING["qwen3"]()
        elif isinstance(self.text_config, dict):
            kind = self.text_config.get("model_type", "qwen3")
            self.text_config = CONFIG_MAPPING[kind](**self.text_config)
        self.tie_word_embeddings = bool(self.text_config.tie_word_embeddings)
        if not self.expression_temperature > 0:
            raise FaceLLMError(
                f"expression_temperature is {self.expression_temperature}; expected more than 0, "
                "1 leaves probabilities as they are"
            )
        if self.vision_config.grid_size % self.vision_config.pool:
            raise FaceLLMError(
                f"pool {self.vision_config.pool} does not divide the grid of "
                f"{self.vision_config.grid_size} patches; choose a divisor"
            )
        if self.vision_config.refine and not (
            self.vision_config.readings and self.vision_config.read_out
        ):
            raise FaceLLMError(
                "refine corrects the points that readings hear; set readings and read_out to true"
            )
        super().__post_init__(**kwargs)


Views = Literal["face", "picture"]
