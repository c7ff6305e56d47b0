"""One face with chosen labels."""

from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Face, FaceLabels, Provenance, Sample


def full(emotion: str | None = None, **units: float) -> FaceLabels:
    """Labels for all units of the rig: `full("happiness", AU12=3.0)`."""
    known = dict.fromkeys(PROTOCOLS["rig23"].units, 0.0)
    known |= {int(code[2:]): value for code, value in units.items()}
    return FaceLabels(emotion=emotion, action_units=known)


def sample(labels: FaceLabels) -> Sample:
    """A picture with one face."""
    return Sample(
        id="0" * 16,
        image="a.png",
        faces=[Face(box=(0, 0, 9, 9), labels=labels)],
        provenance=Provenance(source="test", licence="CC0", subject_id="s1"),
    )
