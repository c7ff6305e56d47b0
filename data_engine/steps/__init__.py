"""Steps: one file each, see `data_engine.step`.

`STEPS` names the built-in ones; any other is named `module:Class` in a recipe.
"""

import importlib

from data_engine.step import Step
from facellm.core.errors import FaceLLMError, given

STEPS: dict[str, str] = {
    "balance": "data_engine.steps.balance:Balance",
    "crop": "data_engine.steps.crop:Crop",
    "find_faces": "data_engine.steps.find_faces:FindFaces",
    "import_units": "data_engine.steps.import_units:ImportUnits",
    "near_duplicates": "data_engine.steps.near_duplicates:NearDuplicates",
    "quality": "data_engine.steps.quality:Quality",
    "sample_frames": "data_engine.steps.sample_frames:SampleFrames",
    "split": "data_engine.steps.split:SplitBySubject",
    "teach": "data_engine.steps.teach:Teach",
    "verify": "data_engine.steps.verify:Verify",
    "weak_units": "data_engine.steps.weak_units:WeakUnits",
    "write": "data_engine.steps.write:Write",
}
"""Short name → `module:Class`; strings keep the import of one step from costing all others."""


def load_step(name: str) -> type[Step]:
    """The class a recipe names: a key of `STEPS`, or `module:Class` anywhere.

    Raises:
        FaceLLMError: an unknown name, or something that is no step.
    """
    module, _, attribute = STEPS.get(name, name).partition(":")
    if not attribute:
        raise FaceLLMError(
            f"{given(name)} is not a step; expected module:Class or one of {', '.join(STEPS)}"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise FaceLLMError(f"cannot load the step {given(name)}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, Step)):
        raise FaceLLMError(f"{given(name)} is not a step; expected a subclass of Step")
    return found
