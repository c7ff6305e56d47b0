"""Rows with videos: shown as questions about clips are, people kept apart, time learned."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_clips import (
    QUESTION,
    SIDE,
    face_of,
    opened,
    row,
    write_clips,
    write_rows_about,
    write_video,
)

from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Face, Frame, Provenance, read_clips
from facellm.faces.clips import frames_shown, main_alone, people, people_shown, told
from facellm.model.build import DEBUG_TEXT, DEBUG_TOWER, build, train_tokenizer, vision_config
from facellm.model.vision import ABSENT
from facellm.prompts import about_clip
from facellm.train.dialogues import encode
from facellm.train.inputs import batch_views, generator_at
from facellm.train.recipe import Corpus, Stage
from facellm.train.rows import load_talks
from facellm.train.speak import Answering

WHO = Provenance(source="test", licence="none", subject_id="s")
SAID = ["It opens.", "It closes.", QUESTION, told([0.0, 0.1, 0.2, 0.3])]


@pytest.fixture(scope="module")
def made():
    return model_and_processor()


def model_and_processor():
    torch.manual_seed(0)
    vision = vision_config(DEBUG_TOWER, pool=4, region_size=32, readings=False)
    return build(vision, DEBUG_TEXT, train_tokenizer(SAID, 300))


def nobody(_):
    raise AssertionError("faces are known")


def shown(path, images, frames=()):
    one = frames_shown(path, 4, known=frames)
    points = people_shown(one, nobody, images.max_faces, path.name)
    return [(frame.time, frame.image, faces) for frame, faces in zip(one, points, strict=True)]


def asked(processor, path, frames, question=QUESTION):
    """What `FaceReader.ask_video` gives to the model."""
    request = about_clip(shown(path, processor.image_processor, frames), question)
    text = processor.apply_chat_template(
        request.messages, add_generation_prompt=True, tokenize=False
    )
    images, points = zip(*request.pictures, strict=True)
    return processor(text=text, images=list(images), landmarks=list(points))


def slots_of(pictures):
    return [[view.slot for view in picture] for picture in pictures]


def two_people(folder, away=(1,)):
    """One clip: a large face that moves to the right, a small one left of it, away at times."""
    folder.mkdir()
    large, small = opened(0.5)[1], [(x / 2, y / 2 + 20) for x, y in opened(0.5)[1]]
    frames, pictures = [], []
    for at in range(4):
        canvas = Image.new("RGB", (320, SIDE), (90, 90, 90))
        canvas.paste(Image.fromarray(opened(0.5)[0]), (120 + 20 * at, 0))
        faces = [face_of(large, 120 + 20 * at)]
        if at not in away:
            faces.insert(0, Face(box=(8, 25, 41, 63), points=small))
        frames.append(Frame(time=at / 10, faces=faces))
        pictures.append(np.asarray(canvas))
    write_video(folder / "two.mp4", pictures)
    write_rows_about(
        folder,
        [Clip(id="two.mp4", video="two.mp4", frames=frames, provenance=WHO)],
        [row("two.mp4", "It closes.")],
    )
    return frames


def test_prompt_and_views_are_those_of_a_question(made, tmp_path):
    _, processor = made
    images = processor.image_processor
    (path, _), *_ = write_clips(tmp_path / "c", 2)
    [clip, _] = read_clips(tmp_path / "c")
    talks = load_talks(Corpus(rows=tmp_path / "c"), images)
    encoded = encode(processor, talks.dialogue(0, 0))
    inputs = asked(processor, path, clip.frames)
    prompt = inputs["input_ids"][0].tolist()
    assert encoded.ids[: len(prompt)] == prompt
    assert set(encoded.labels[: len(prompt)]) == {-100}
    answer = processor.tokenizer.decode(encoded.ids[len(prompt) :])
    assert answer == "It opens." + processor.tokenizer.eos_token
    assert told([0, 0.1, 0.2, 0.3]) + " " + QUESTION in processor.tokenizer.decode(prompt)
    views = [view for picture in encoded.pictures for view in picture]
    _, landmarks, _ = batch_views([talks], views, images, generator_at(0)[1])
    present = landmarks[..., 0, 0] != ABSENT
    assert torch.equal(present, inputs["landmarks"][..., 0, 0] != ABSENT)


def test_people_keep_their_slot_while_others_are_away(made, tmp_path):
    _, processor = made
    images = processor.image_processor
    frames = two_people(tmp_path / "c")
    talks = load_talks(Corpus(rows=tmp_path / "c"), images)
    pictures = talks.dialogue(0, 0).pictures
    # The large face is face 1 although it stands at the right; the other is away in one frame.
    assert [[view.slot for view in picture] for picture in pictures] == [
        [0, 1],
        [0],
        [0, 1],
        [0, 1],
    ]
    inputs = asked(processor, tmp_path / "c/two.mp4", frames)
    slots = (inputs["landmarks"][..., 0, 0] != ABSENT).nonzero()[:, 1].tolist()
    assert slots == [0, 1, 0, 0, 1, 0, 1] and inputs["num_views"].tolist() == [2, 1, 2, 2]
    prompt = inputs["input_ids"][0].tolist()
    assert encode(processor, talks.dialogue(0, 0)).ids[: len(prompt)] == prompt


def test_the_main_person_who_is_away_leaves_their_slot_empty(made, tmp_path):
    images = made[1].image_processor
    frames = two_people(tmp_path / "c", away=())
    gone = [frames[0], frames[1].model_copy(update={"faces": frames[1].faces[:1]}), *frames[2:]]
    rows = [row("two.mp4", "It closes.") | {"frames": [[f.model_dump(mode="json") for f in gone]]}]
    write_rows_about(tmp_path / "c", [], rows)
    pictures = load_talks(Corpus(rows=tmp_path / "c"), images).dialogue(0, 0).pictures
    assert [[view.slot for view in picture] for picture in pictures] == [
        [0, 1],
        [1],
        [0, 1],
        [0, 1],
    ]


def test_people_are_followed_where_frames_lie_far_apart():
    a, b = Face(box=(0, 0, 50, 50)), Face(box=(100, 0, 130, 30))
    seen = [(0.0, [a, b]), (9.0, [b]), (18.0, [a, b])]
    assert people(seen) == [[a, b], [None, b], [a, b]]
    assert people(seen, most=1) == [[a], [None], [a]]
    # Labels of a clip are those of the same person: of nobody else where that one is away.
    alone = main_alone([Frame(time=time, faces=faces[::-1]) for time, faces in seen])
    assert [frame.faces for frame in alone] == [[a], [], [a]]


def test_frames_are_bounded_and_rows_share_them(made, tmp_path):
    images = made[1].image_processor
    write_clips(tmp_path / "c", 2, frames=9)
    lines = (tmp_path / "c/rows.jsonl").read_text()
    (tmp_path / "c/rows.jsonl").write_text(lines * 2)
    talks = load_talks(Corpus(rows=tmp_path / "c", frames=3), images)
    assert len(talks) == 4 and len(talks.pixels) == 6  # two clips of three frames, each cut once
    assert "at 0.0, 0.4 and 0.8 s. " + QUESTION in talks.texts(0)[-2]


def test_faces_are_found_where_none_are_known(made, tmp_path, astronaut):
    images = made[1].image_processor
    small = np.asarray(astronaut.resize((256, 256)))
    blank = np.full_like(small, 120)
    for name, pictures in (("some", [small, blank]), ("none", [blank, blank])):
        (tmp_path / name).mkdir()
        write_video(tmp_path / name / "a.mp4", pictures)
        write_rows_about(tmp_path / name, [], [row("a.mp4", "It closes.")])
    pictures = load_talks(Corpus(rows=tmp_path / "some"), images).dialogue(0, 0).pictures
    assert [view.kind for picture in pictures for view in picture] == ["face", "whole"]
    with pytest.raises(FaceLLMError, match=r"row 1 .* no face in any of the 2 frames .*'a.mp4'"):
        load_talks(Corpus(rows=tmp_path / "none"), images)


def test_forms_of_rows(made, tmp_path):
    processor = made[1]
    images = processor.image_processor
    write_clips(tmp_path / "c", 2)
    [first, _] = (json.loads(line) for line in (tmp_path / "c/rows.jsonl").open())
    expected = encode(processor, load_talks(Corpus(rows=tmp_path / "c"), images).dialogue(0, 0))
    said = [{"from": "human", "value": f"<video>\n{QUESTION}"},
            {"from": "gpt", "value": "It opens."}]  # fmt: skip
    share = {"conversations": said, "videos": ["0b.mp4"], "sample_ids": ["0b.mp4"]}
    (tmp_path / "c/share.jsonl").write_text(json.dumps(share))
    where = Corpus(rows=tmp_path / "c/share.jsonl", samples=tmp_path / "c")
    assert encode(processor, load_talks(where, images).dialogue(0, 0)).ids == expected.ids
    # Two clips, and a picture between them: each clip's times follow its own frames.
    Image.fromarray(opened(0.2)[0]).save(tmp_path / "c/p.png")
    video, image, text = first["messages"][0]["content"][0], {"type": "image"}, {"type": "text"}
    parts = [video, image, video, text | {"text": "Which?"}]
    both = first | {
        "videos": ["0b.mp4", "0a.mp4"], "sample_ids": ["0b.mp4", "p", "0a.mp4"],
        "images": ["p.png"], "landmarks": [[opened(0.2)[1]]],
        "messages": [{"role": "user", "content": parts}, first["messages"][1]],
    }  # fmt: skip
    (tmp_path / "c/rows.jsonl").write_text(json.dumps(both))
    pictures, messages, labels = load_talks(Corpus(rows=tmp_path / "c"), images).said[0]
    faces = [view for picture in pictures for view in picture if view.kind == "face"]
    assert labels == [None] * len(faces)
    kinds = "".join(part["type"][0] for part in messages[0]["content"])
    assert kinds == "iiiitiiiiit" and len(pictures) == 9
    assert messages[0]["content"][-1]["text"].endswith("0.3 s. Which?")


def test_bad_clips_are_one_line(made, tmp_path):
    model, processor = made
    images = processor.image_processor
    folder = tmp_path / "c"
    write_clips(folder, 2)
    talks = load_talks(Corpus(rows=folder), images)
    stage = Stage(name="a", objective="answer", max_steps=1, max_length=20,
                  per_device_train_batch_size=1)  # fmt: skip
    with pytest.raises(FaceLLMError, match=r"row [12] about 0[ab].mp4 has \d+ tokens, max"):
        Answering(model, processor, [talks], [1.0], stage, 0).batch(0, 0, 1)
    lines = (folder / "rows.jsonl").read_text().splitlines()
    (folder / "0a.mp4").write_bytes(b"no video at all")
    with pytest.raises(FaceLLMError, match=r"row 2 cannot be trained on: '0a.mp4' is not readable"):
        load_talks(Corpus(rows=folder), images)
    for change, message in (
        ({"videos": []}, "1 video parts but 0 videos"),
        ({"videos": ["none.mp4"]}, "no such video file: 'none.mp4'"),
        ({"frames": [[{"time": -1, "faces": []}]]}, "frames: 0.0.time"),
    ):
        broken = json.dumps(json.loads(lines[0]) | change)
        (folder / "rows.jsonl").write_text(broken)
        with pytest.raises(FaceLLMError, match=f"row 1 cannot be trained on: {message}") as error:
            load_talks(Corpus(rows=folder), images)
        assert "\n" not in str(error.value)
