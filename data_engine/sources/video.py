"""What the sources of videos share: how a file becomes a clip."""

from abc import ABC
from pathlib import Path

from data_engine.sources.base import Source, content_id, relative
from data_engine.step import Reject
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, FaceLabels
from facellm.core.splits import Split, split_of

SUFFIXES = (".mp4", ".avi", ".flv", ".mkv", ".mov", ".webm", ".gif")
"""Containers that are looked for; what is inside must be something PyAV decodes."""


class VideoSource(Source, ABC):
    """A source of videos. A clip without frames is one nothing has looked into yet."""

    def clip(
        self,
        file: Path,
        out: Path,
        labels: FaceLabels,
        *,
        split: Split | None = None,
        subject: str | None = None,
        where: str = "",
    ) -> Clip | Reject:
        """The clip of a video, or a reject where the file is missing or holds no video.

        Args:
            file: the video, where it lies.
            out: folder of the corpus.
            labels: of the main face over the whole clip.
            split: None splits by subject.
            subject: the person's id in the set, without a prefix; None where there is none.
            where: `file:line` the video is named at, for the reject's detail.
        """
        problem = video_problem(file)
        if problem:
            return self.reject(file, problem, where)
        key = content_id(file)
        person = f"{self.name}-{subject or key}"
        return Clip(
            id=key,
            video=relative(file, out),
            labels=labels,
            provenance=self.provenance(person),
            split=split or split_of(person),
        )


def video_problem(file: Path) -> str | None:
    """Why the file cannot be used as a video, from its headers alone; None where it can."""
    try:
        import av
    except ImportError:
        raise FaceLLMError("videos need PyAV; run: pip install 'facellm[data]'") from None
    if not file.is_file():
        return "no such file"
    try:
        with av.open(str(file)) as container:
            return None if container.streams.video else "no video stream"
    except (OSError, av.FFmpegError) as error:
        return f"not readable as a video ({type(error).__name__})"


def find_video(folder: Path, stem: str) -> Path:
    """`folder/stem` with the first suffix that is there; with the first of all where none is."""
    files = [folder / f"{stem}{suffix}" for suffix in SUFFIXES]
    return next((file for file in files if file.is_file()), files[0])


def videos_in(folder: Path) -> list[Path]:
    """The videos directly in the folder, by name."""
    return sorted(f for f in folder.iterdir() if f.is_file() and f.suffix.lower() in SUFFIXES)
