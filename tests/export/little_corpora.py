"""What the rows of the export's tests are made of."""

from collections.abc import Callable

from data_engine.row import Message, Part, Row
from facellm.core.sample import FaceLabels, Provenance

MakeRow = Callable[..., Row]

RENDERED = Provenance(
    source="procedural rig",
    licence="Apache-2.0",
    subject_id="rig-1",
    consent="rendered, no person is shown",
)
PHOTO = Provenance(source="press", licence="research use", subject_id="press-7")
SMILE = FaceLabels(
    emotion="happiness",
    action_units={6: 2.6, 12: 4.0, 4: 0.0},
    groups={"age band": "adult"},
    weak=frozenset({"emotion", "action_units"}),
)


def said(role: str, *parts: Part | str) -> Message:
    content = [Part(type="text", text=p) if isinstance(p, str) else p for p in parts]
    return Message.model_validate({"role": role, "content": content})


IMAGE = Part(type="image")
