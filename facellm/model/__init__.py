"""The model: vision tower, face-region encoder, projector, language model and processor.

Importing this registers the classes with transformers' Auto classes: no remote code is needed.
"""

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
)

from facellm.model.build import build, debug_checkpoint, vision_config
from facellm.model.configuration import FaceLLMConfig, FaceVisionConfig
from facellm.model.modeling import FaceLLMForConditionalGeneration, FaceLLMModel
from facellm.model.processing import FaceLLMImageProcessor, FaceLLMProcessor

__all__ = [
    "FaceLLMConfig",
    "FaceLLMForConditionalGeneration",
    "FaceLLMImageProcessor",
    "FaceLLMModel",
    "FaceLLMProcessor",
    "FaceVisionConfig",
    "build",
    "debug_checkpoint",
    "vision_config",
]

AutoConfig.register(FaceLLMConfig.model_type, FaceLLMConfig, exist_ok=True)
AutoModel.register(FaceLLMConfig, FaceLLMModel, exist_ok=True)
for auto in (AutoModelForImageTextToText, AutoModelForCausalLM):
    auto.register(FaceLLMConfig, FaceLLMForConditionalGeneration, exist_ok=True)
AutoProcessor.register(FaceLLMConfig, FaceLLMProcessor, exist_ok=True)
AutoImageProcessor.register(FaceLLMConfig, FaceLLMImageProcessor, exist_ok=True)
