"""Clips under test: which of their frames a model is shown, with their times and faces.

clips.jsonl ── its main face ──▶ Sample, which tasks ask about
     └─ frames: 16, sampling: uniform | peaks ──▶ ShownFrame, ShownFrame, …
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from PIL import Image, ImageOps

from eval.corruptions import corrupt
from eval.models.base import mirrored
from eval.question import MIRROR, Question
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Face, Sample, read_samples
from facellm.faces.sampling import LOOK_EVERY, Looked, Sampling, moving, nearest, peaks
from facellm.faces.video import frames
from facellm.tasks.events import all_events, series_of

FILE = "clips.jsonl"
T = TypeVar("T")


class ShownFrame(NamedTuple):
    """One frame of a clip as a model is shown it."""

    number: int
    """Count of the clip's frames before it."""
    time: float
    """Seconds from the clip's first frame."""
    image: Image.Image
    faces: list[Face] | None
    """As the clip has them; None where nobody has looked for them."""


def read_corpus(folder: Path) -> Iterator[tuple[Sample, Clip | None]]:
    """The samples of `samples.jsonl`, then the clips of `clips.jsonl`, as far as they are there.

    Raises:
        FaceLLMError: neither file, or a line that is no sample or clip, named by its number.
    """
    path = folder / FILE
    if (folder / "samples.jsonl").is_file() or not path.is_file():
        yield from ((sample, None) for sample in read_samples(folder))
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            clip = Clip.model_validate_json(line)
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise FaceLLMError(f"{path}:{number} is not a clip: {reason}") from error
        yield sample_of(clip), clip


def sample_of(clip: Clip) -> Sample:
    """The sample that tasks ask about: the clip's main face with the labels of the whole clip.

    Where the clip states no events, those of its first face's units over the labelled frames count.
    Its box is that of the first frame with a face; without one it has no size.
    """
    labels = clip.labels
    series = series_of(clip.frames)
    if labels.events is None and max(map(len, series.values()), default=0) > 1:
        labels = labels.model_copy(update={"events": tuple(all_events(series))})
    seen = next((frame.faces[0].box for frame in clip.frames if frame.faces), (0.0, 0.0, 0.0, 0.0))
    return Sample(
        id=clip.id,
        image=clip.video,
        faces=[Face(box=seen, labels=labels)],
        provenance=clip.provenance,
        split=clip.split,
    )


def shown_frames(question: Question) -> list[ShownFrame]:
    """The frames of a question about a clip, spoilt or mirrored as the benchmark says.

    Raises:
        FaceLLMError: a missing or damaged file, or a corruption that needs points where the clip's
            faces are unknown.
    """
    assert question.shots is not None, "the question is about a clip"
    clip, count, how = question.shots
    path = question.corpus / clip.video
    known = clip.frames
    looked = moving(frames(path, every=LOOK_EVERY if how == "peaks" and not known else 0.0))
    chosen: dict[int, list[Face] | None]
    if known:
        chosen = {nearest(looked, frame.time): frame.faces for frame in _spread(known, count)}
    else:
        chosen = dict.fromkeys(_numbers(looked, count, how))
    return [
        _spoilt(ShownFrame(number, time, Image.fromarray(image), chosen[number]), question)
        for number, time, image in frames(path, only=set(chosen))
    ]


def told(times: Sequence[float]) -> str:
    """What a question about a clip begins with: which moments its pictures show."""
    if len(times) == 1:
        return f"The picture is the frame of a clip at {times[0]:.1f} s."
    each = [f"{time:.1f}" for time in times]
    return (
        f"The {len(each)} pictures are frames of one clip, in order, "
        f"at {', '.join(each[:-1])} and {each[-1]} s."
    )


def _numbers(looked: list[Looked], count: int, how: Sampling) -> list[int]:
    """Of evenly spread frames, first and last among them; of peaks of motion, those there are."""
    if how == "uniform":
        return _spread([frame.number for frame in looked], count)
    apart = (looked[-1].time - looked[0].time) / (2 * count)
    return peaks(looked, count, apart) or [looked[0].number]


def _spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, evenly, both ends included; the middle one where one is wanted."""
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[len(items) // 2]]
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]


def _spoilt(frame: ShownFrame, question: Question) -> ShownFrame:
    kind, image, faces = question.corruption, frame.image, frame.faces
    if kind == MIRROR:
        turned = faces and [mirrored(face, image.width) for face in faces]
        return frame._replace(image=ImageOps.mirror(image), faces=turned)
    if not kind:
        return frame
    if faces is None and kind.startswith("occlude"):
        raise FaceLLMError(
            f"{kind} needs landmarks, and the frames of clip {question.sample.id} have none; "
            "run the step sample_frames first"
        )
    return frame._replace(
        image=corrupt(image, kind, faces or (), seed=f"{question.id}/{frame.number}")
    )
