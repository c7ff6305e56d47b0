"""Find the head a command names."""

from pathlib import Path

from data_engine.rig.head import MorphableHead
from data_engine.rig.ict import ict_head
from data_engine.rig.procedural import procedural_head


def load_head(where: str | Path) -> MorphableHead:
    """The procedural head for "procedural", else ICT-FaceKit from the folder named."""
    return procedural_head() if str(where) == "procedural" else ict_head(where)
