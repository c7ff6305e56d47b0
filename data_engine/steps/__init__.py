"""Steps: one file each, see `data_engine.step`.

`STEPS` names the built-in ones; any other is named `module:Class` in a recipe.
"""

from data_engine.named import load_class
from data_engine.step import Step

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
    """The class a recipe names; errors are those of `data_engine.named.load_class`."""
    found: type[Step] = load_class(name, STEPS, Step, "step")
    return found
