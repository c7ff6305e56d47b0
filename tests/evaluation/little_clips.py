"""Two rendered clips of 2 s: a smile and a frown after it, with the rig's own labels."""

from pathlib import Path

import numpy as np

from data_engine.rig import Rig, RigSpec, load_head
from facellm.core.sample import Clip, Event, Face, FaceLabels, Frame, Provenance

FPS, COUNT, SIDE = 10, 20, 96
SMILE = Event(action_unit=12, onset=0.2, apex=0.6, offset=1.0, intensity=4)
FROWN = Event(action_unit=4, onset=1.1, apex=1.5, offset=1.9, intensity=4)


def strength(event: Event, time: float) -> float:
    """0-4, rising from the onset to the apex and falling to the offset in straight lines."""
    course = ((event.onset, 0.0), (event.apex, 4.0), (event.offset, 0.0))
    return float(np.interp(time, *zip(*course, strict=True)))


def rendered(person: int) -> list[Frame | np.ndarray]:
    rig = Rig(load_head("procedural"), size=SIDE)
    frames, images = [], []
    for n in range(COUNT):
        time = n / FPS
        units = {12: strength(SMILE, time), 4: strength(FROWN, time)}
        shot = rig.render(RigSpec(identity=person, action_units=units))
        labels = FaceLabels(action_units=units)
        points = [(float(x), float(y)) for x, y in shot.points]
        face = Face(box=shot.box, points=points, labels=labels)
        frames.append(Frame(time=time, faces=[face]))
        images.append(shot.image)
    return frames, images


def write_video(path: Path, images: list[np.ndarray]) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width = stream.height = SIDE
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def render_clips(folder: Path) -> Path:
    """`labelled`: every frame has its face and units. `plain`: the events of the whole clip."""
    folder.mkdir()
    lines = []
    for person, name in enumerate(("labelled", "plain")):
        frames, images = rendered(person)
        write_video(folder / f"{name}.mp4", images)
        told = {"frames": frames, "labels": FaceLabels(emotion="anger")}
        if name == "plain":
            told = {"labels": FaceLabels(emotion="happiness", events=(SMILE, FROWN))}
        who = Provenance(source="rig", licence="MIT", subject_id=f"p{person}")
        clip = Clip(id=name, video=f"{name}.mp4", provenance=who, split="test", **told)
        lines.append(clip.model_dump_json(exclude_defaults=True) + "\n")
    (folder / "clips.jsonl").write_text("".join(lines))
    return folder
