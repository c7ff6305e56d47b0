"""Clips under test: what is asked about them, and the frames a model is shown.

clips.jsonl ── its main face ──▶ Sample, which tasks ask about
     └─ frames: 16, sampling: uniform | peaks ──▶ ShownFrame, ShownFrame, …
"""

from collections.abc import Iterator
from pathlib import Path

from PIL import ImageOps

from eval.corruptions import corrupt
from eval.models.base import mirrored
from eval.question import MIRROR, Question
from facellm.core.errors import FaceLLMError
from facellm.core.sample import CLIPS, Clip, Face, Sample, read_clips, read_samples
from facellm.faces.clips import ShownFrame, frames_shown, main_alone
from facellm.tasks.events import all_events, series_of


def read_corpus(folder: Path) -> Iterator[tuple[Sample, Clip | None]]:
    """The samples of `samples.jsonl`, then the clips of `clips.jsonl`, as far as they are there.

    Raises:
        FaceLLMError: neither file, or a line that is no sample or clip, named by its number.
    """
    there = (folder / CLIPS).is_file()
    if (folder / "samples.jsonl").is_file() or not there:
        yield from ((sample, None) for sample in read_samples(folder))
    if there:
        yield from ((sample_of(clip), clip) for clip in read_clips(folder))


def sample_of(clip: Clip) -> Sample:
    """The sample that tasks ask about: the clip's main face with the labels of the whole clip.

    Where the clip states no events, those of that face's units over the labelled frames count.
    Its box is that of the first frame with a face; without one it has no size.
    """
    labels = clip.labels
    frames = main_alone(clip.frames)
    series = series_of(frames)
    if labels.events is None and max(map(len, series.values()), default=0) > 1:
        labels = labels.model_copy(update={"events": tuple(all_events(series))})
    seen = next((frame.faces[0].box for frame in frames if frame.faces), (0.0, 0.0, 0.0, 0.0))
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
    shown = frames_shown(question.corpus / clip.video, count, how, main_alone(clip.frames))
    return [_spoilt(frame, question) for frame in shown]


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
