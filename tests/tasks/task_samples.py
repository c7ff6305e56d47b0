"""Samples with random labels for the tests of the tasks."""

from hypothesis import strategies as st

from facellm.core.emotions import COMPOUNDS, EMONET40, EMOTIONS
from facellm.core.facs import PROTOCOLS
from facellm.core.sample import Event, Face, FaceLabels, Provenance, Sample

RIG = PROTOCOLS["rig23"].units
DISFA = PROTOCOLS["disfa12"].units
ATTRIBUTES = ("eyeglasses", "Wearing_Hat", "beard", "bangs", "male", "big nose", "pale_skin")


def sample(*labels: FaceLabels, subject: str = "s1") -> Sample:
    """A picture with one face for each set of labels."""
    faces = [Face(box=(10.0 * i, 0.0, 10.0 * i + 9, 9.0), labels=x) for i, x in enumerate(labels)]
    source = Provenance(source="test", licence="CC0", subject_id=subject)
    return Sample(id="0" * 16, image="a.png", faces=faces, provenance=source)


def full(emotion: str | None = None, **units: float) -> FaceLabels:
    """Labels for all units of the rig: `full("happiness", AU12=3.0)`."""
    known = {n: 0.0 for n in RIG} | {int(code[2:]): value for code, value in units.items()}
    return FaceLabels(emotion=emotion, action_units=known)


_intensity = st.one_of(st.just(0.0), st.floats(0.0, 5.0, allow_subnormal=False))
_angle = st.floats(-1.0, 1.0)


def _units(numbers: tuple[int, ...]) -> st.SearchStrategy[dict[int, float]]:
    return st.fixed_dictionaries(dict.fromkeys(numbers, _intensity))


_time = st.integers(0, 400).map(lambda tenths: tenths / 100)
_event = st.builds(
    Event,
    action_unit=st.sampled_from(RIG),
    onset=st.none() | _time,
    apex=_time,
    offset=st.none() | _time,
    intensity=st.integers(1, 5).map(float),
)
# A unit acts once at most, so that its strongest citation is its only one.
_events = st.lists(_event, max_size=6, unique_by=lambda e: e.action_unit).map(
    lambda found: tuple(sorted(found, key=lambda e: -1.0 if e.onset is None else e.onset))
)

labels = st.builds(
    FaceLabels,
    emotion=st.none() | st.sampled_from(EMOTIONS),
    action_units=st.one_of(st.none(), _units(RIG), _units(DISFA), _units((6, 12))),
    pose=st.none() | st.tuples(_angle, _angle, _angle),
    gaze=st.none() | st.tuples(_angle, _angle),
    expression=st.none()
    | st.sampled_from((*EMONET40, *COMPOUNDS, "anxiety and helplessness", "Elation")),
    events=st.none() | _events,
    valence=st.none() | _angle,
    arousal=st.none() | _angle,
    age=st.none() | st.floats(0.0, 100.0),
    attributes=st.none() | st.dictionaries(st.sampled_from(ATTRIBUTES), st.booleans()),
    quality=st.none() | st.floats(0.0, 1.0),
    authentic=st.none() | st.booleans(),
)
samples = st.lists(labels, min_size=0, max_size=3).map(lambda found: sample(*found))
