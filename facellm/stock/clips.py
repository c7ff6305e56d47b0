"""Clips for models with a video path of their own: whose face is where in every temporal patch.

clip ─ frames_shown, people_shown ─► frames, points by person ─► processor ─► pixel_values_videos
                                                                          └─► landmarks_videos

A tower of the Qwen family sees two frames at once, as one temporal patch. Its landmarks are the
means of a person's points in both, or those of the one frame that shows the person.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facellm.core.errors import FaceLLMError
from facellm.core.regions import N_POINTS
from facellm.faces import load_finder
from facellm.faces.clips import FRAMES, frames_shown, people_shown
from facellm.model.processing import Landmarks
from facellm.stock.processing import Box, fixed_point

# Shapes: n frames, F people of a clip, T temporal patches of k frames.

TICKS = 1000
"""Frame numbers a second that a clip's times are told in: frames need not lie on a raster."""


def clip_inputs(
    path: Path, frames: int = FRAMES, finder: str = "builtin", max_faces: int = 8
) -> dict[str, Any]:
    """A clip as a processor of the Qwen family takes it: `processor(text=…, **clip_inputs(path))`.

    Frames lie evenly over the clip and its people are followed over them, as in every other clip
    that our models are shown.

    Args:
        path: a video file.
        frames: at most.
        finder: who looks for faces.
        max_faces: people at most; the processor's.

    Raises:
        FaceLLMError: a missing or damaged file, or no face in any frame.
    """
    shown = frames_shown(path, frames)
    points = people_shown(shown, load_finder(finder).find, max_faces, path.name)
    pixels = np.stack([np.asarray(one.image) for one in shown])
    ticks = [round(one.time * TICKS) for one in shown]
    apart = (ticks[-1] - ticks[0]) / max(1, len(ticks) - 1)
    metadata = {
        "fps": float(TICKS),
        "frames_indices": ticks,
        # What a frame lasts is read off these three; a single one lasts a second.
        "total_num_frames": max(len(ticks), round(len(ticks) * apart)) if apart else TICKS,
        "height": pixels.shape[1],
        "width": pixels.shape[2],
    }
    return {
        "videos": [pixels],
        "video_metadata": [metadata],
        "landmarks_videos": [points],
        "do_sample_frames": False,
    }


def video_landmarks(
    given: Sequence[Sequence[Landmarks]],
    metadata: Sequence[Any],
    sizes: Sequence[tuple[int, int]],
    grid: Tensor,
    patch: int,
    points_of: Callable[[Landmarks], NDArray[np.float32]],
    max_faces: int,
) -> Tensor:
    """Landmarks (temporal patches of all videos, max_faces, 68, 2), int32 in 1e-4 of a frame.

    Args:
        given: of each video, of each frame, of each person: 68 points in pixels, None who is away.
        metadata: of each video, with `frames_indices` and `total_num_frames`.
        sizes: width and height of each video's frames.
        grid: `video_grid_thw`.
        patch: k.
        points_of: makes one frame's landmarks (F, 68, 2), NaN for who is away.
        max_faces: slots.

    Raises:
        FaceLLMError: another number of videos or frames.
    """
    if len(given) != len(grid):
        raise FaceLLMError(
            f"landmarks_videos were given for {len(given)} videos but there are {len(grid)}; pass "
            "one list of frames a video"
        )
    views = []
    for frames, known, size, (patches, _, _) in zip(
        given, metadata, sizes, grid.tolist(), strict=True
    ):
        chosen = _shown(frames, known, patches, patch)
        for points in temporal([points_of(frame) for frame in chosen], patches, patch):
            views.append(fixed_point(points, Box(0, 0, *size), max_faces))
    return torch.from_numpy(np.stack(views))


def _shown(
    frames: Sequence[Landmarks], metadata: Any, patches: int, patch: int
) -> Sequence[Landmarks]:
    """The landmarks of the frames that were sampled, whether all frames' were given or theirs."""
    total = metadata["total_num_frames"]
    if (patches - 1) * patch < len(frames) <= patches * patch:
        return frames
    if len(frames) == total:
        return [frames[int(number)] for number in metadata["frames_indices"]]
    raise FaceLLMError(
        f"landmarks of {len(frames)} frames were given for a video of {total}, of which about "
        f"{patches * patch} are shown; pass those of all frames or of those shown"
    )


def temporal(
    frames: Sequence[NDArray[np.float32]], patches: int, patch: int
) -> list[NDArray[np.float32]]:
    """Points (F, 68, 2) of each temporal patch from those of each frame, NaN for who is away.

    The last frame is repeated where frames do not fill the last patch, as pixels are.
    """
    people = max(len(points) for points in frames)
    table = np.full((patches * patch, people, N_POINTS, 2), np.nan, np.float32)
    for place in range(len(table)):
        points = frames[min(place, len(frames) - 1)]
        table[place, : len(points)] = points
    groups = table.reshape(patches, patch, people, N_POINTS, 2)
    there = ~np.isnan(groups)
    count = there.sum(1)
    total = np.where(there, groups, 0.0).sum(1)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return list(means.astype(np.float32))
