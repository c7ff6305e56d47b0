"""All frames of all inputs as one stream that can go on from any place.

A picture is one frame, a video its sampled frames, a tar shard one frame a picture. What cannot be
read is a moment as well, with the reason in place of the picture: every input gives at least one.
"""

import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from PIL import Image
from pydantic import Field

from facellm.batch.inputs import Item, kind_of
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Record
from facellm.faces import ImageSource
from facellm.faces.sampling import Sampling, sampled
from facellm.faces.video import duration

MOST_BYTES = 256 << 20
"""Of one picture in a tar shard."""
BEGIN = -1


class Place(Record):
    """How far the stream has been worked off: all of the items before `item`, and of that one the
    frames up to `frame`."""

    item: int = Field(default=0, ge=0)
    frame: int = BEGIN


@dataclass(frozen=True)
class Moment:
    """One frame, or the reason why there is none."""

    label: str
    """What the column `input` says."""
    after: Place
    """Where the stream goes on once this frame is done."""
    share: float
    """Of its item that is done with it, for the progress."""
    load: Callable[[], ImageSource] | None = None
    pixels: int = 0
    """About how many it has, to bound what is in memory together."""
    frame: int = 0
    time: float | None = None
    clip: int | None = None
    """Place of its item where that is a video: faces are followed within it."""
    error: str | None = None


def stream(items: Iterable[Item], place: Place, fps: float, sample: Sampling) -> Iterator[Moment]:
    """The frames that are left after `place`, in order."""
    for index, item in enumerate(islice(items, place.item, None), place.item):
        done = place.frame if index == place.item else BEGIN
        try:
            yield from _frames(index, item, done, fps, sample)
        except FaceLLMError as error:
            yield Moment(item.label, Place(item=index + 1), 1.0, error=str(error))


def _frames(index: int, item: Item, done: int, fps: float, sample: Sampling) -> Iterator[Moment]:
    kind = kind_of(item.path)
    if kind == "tar" and item.path.is_file():
        return _members(index, item, done)
    if kind == "video" or (item.path.suffix.lower() == ".gif" and _moves(item.path)):
        return _video(index, item, done, fps, sample)
    after = Place(item=index + 1)
    return iter([Moment(item.label, after, 1.0, lambda: item.path, _pixels(item.path))])


def _video(index: int, item: Item, done: int, fps: float, sample: Sampling) -> Iterator[Moment]:
    length = duration(item.path)
    for one in sampled(item.path, fps, sample):
        if one.number > done:
            yield Moment(
                item.label, Place(item=index, frame=one.number),
                min(1.0, one.time / length) if length else 0.0,
                partial(Image.fromarray, one.image), one.image.size // 3, one.number, one.time,
                index,
            )  # fmt: skip


def _members(index: int, item: Item, done: int) -> Iterator[Moment]:
    """The pictures of a tar shard in its order; what else it holds goes with them in such shards
    and is not looked at."""
    size, number = max(1, item.path.stat().st_size), BEGIN
    try:
        with tarfile.open(item.path) as tar:
            for member in tar:
                kind = kind_of(Path(member.name)) if member.isfile() else None
                if kind is None:
                    continue
                number += 1
                if number <= done:
                    continue
                about = {
                    "label": f"{item.label}/{member.name}",
                    "after": Place(item=index, frame=number),
                    "share": min(1.0, member.offset_data / size),
                }
                file = tar.extractfile(member)
                if kind != "picture" or file is None:
                    yield Moment(**about, error=f"a {kind} inside a tar shard is not read")
                elif member.size > MOST_BYTES:
                    yield Moment(**about, error=f"more than {MOST_BYTES >> 20} MB in one picture")
                else:
                    data = file.read()
                    yield Moment(**about, load=partial(bytes, data), pixels=4 * len(data))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise FaceLLMError(f"the tar shard cannot be read: {error}") from None
    if number == BEGIN:
        raise FaceLLMError("the tar shard holds no pictures")


def _moves(path: Path) -> bool:
    """Whether a GIF is a clip."""
    try:
        with Image.open(path) as image:
            return bool(getattr(image, "is_animated", False))
    except (OSError, ValueError, SyntaxError):
        return False  # reading it as a picture will say what is wrong


def _pixels(path: Path) -> int:
    try:
        with Image.open(path) as image:
            return image.width * image.height
    except Exception:  # any decoder's; reading the picture will say what is wrong
        return 0
