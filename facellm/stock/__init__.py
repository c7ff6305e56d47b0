"""The face-region encoder added to stock vision-language models of transformers.

Importing this registers the classes with transformers' Auto classes: no remote code is needed.
"""

from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
)

from facellm.stock.adapt import lora_config, merge_and_export
from facellm.stock.add import FAMILIES, add_face_regions
from facellm.stock.encoder import FaceRegionConfig, FaceRegionEncoder

__all__ = [
    "FAMILIES",
    "FaceRegionConfig",
    "FaceRegionEncoder",
    "add_face_regions",
    "lora_config",
    "merge_and_export",
]

for family in FAMILIES:
    AutoConfig.register(family.config.model_type, family.config, exist_ok=True)
    for auto in (AutoModelForImageTextToText, AutoModelForCausalLM):
        auto.register(family.config, family.model, exist_ok=True)
    AutoProcessor.register(family.config, family.processor, exist_ok=True)
