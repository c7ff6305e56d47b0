"""facellm: understand faces with a multimodal language model.

import facellm
report = facellm.load().describe("photo.jpg")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facellm.core.report import FaceReport
    from facellm.reader import FaceReader, load

__all__ = ["FaceReader", "FaceReport", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported on first use: torch and transformers take seconds, `import facellm` must not.
    if name == "FaceReport":
        from facellm.core.report import FaceReport

        return FaceReport
    if name in ("FaceReader", "load"):
        from facellm import reader

        return getattr(reader, name)
    raise AttributeError(f"module 'facellm' has no attribute '{name}'")
