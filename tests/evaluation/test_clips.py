"""Clips under test: asked about as a whole, shown as frames, and what cannot be shown counted."""

import base64
import csv
import shutil

import numpy as np
import pytest
from chat_server import endpoint
from little_clips import COUNT, FPS, SIDE, write_video
from scripted import ScriptedEngine

from eval.benchmark import Benchmark
from eval.clips import shown_frames
from eval.export import lmms_eval
from eval.models.guess import Guess
from eval.models.in_process import InProcess
from eval.models.stored import Columns, Stored
from eval.run import evaluate
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Clip, Event, Face, FaceLabels, Provenance
from facellm.faces import GivenFinder
from facellm.faces.clips import told
from facellm.faces.mean_shape import MEAN_SHAPE
from facellm.prompts import Completion
from facellm.reader import FaceReader
from facellm.tasks import TASKS

MEAN_FACE = MEAN_SHAPE * 30 + SIDE / 2


class Brightness(ScriptedEngine):
    """States AU12 as strong as the middle of the picture is bright."""

    def _answer(self, request):
        if request.question == TASKS["action_units"].canonical_question(None):
            grey = np.asarray(request.image.convert("L"))[40:56, 40:56].mean()
            return Completion(f'<answer>{{"AU12": {round(grey / 51)}}}</answer>')
        return super()._answer(request)


def benchmark(corpus, task="dynamics", **more):
    return Benchmark(name="b", task=task, corpus=corpus, **more)


def model(engine=None, points=(MEAN_FACE,), **more):
    own = InProcess(**more)
    own._reader = FaceReader(engine or ScriptedEngine(), GivenFinder(list(points)))
    return own


def asked(corpus, model, tmp_path, task="dynamics", **more):
    one = benchmark(corpus, task, **more)
    return evaluate(one, one.questions(), "m", model, tmp_path)


def test_events_come_from_labelled_frames_or_from_the_clip(clips):
    labelled, plain = benchmark(clips).questions()
    assert labelled.sample.image == "labelled.mp4" and plain.subject_id == "p1"
    for question in (labelled, plain):
        first, second = question.gold.events
        assert (first.action_unit, second.action_unit) == ("AU12", "AU4")
        assert (first.apex, second.apex) == (0.6, 1.5)


def test_gold_scores_one_and_predictions_are_found_by_id(clips, tmp_path):
    result, _ = asked(clips, Guess(kind="gold", task="dynamics"), tmp_path / "gold")
    assert result.metrics["score"].value == 1.0
    with (tmp_path / "said.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text"])
        rows.writerow(["labelled", "0.2–0.6 s: smile onset (AU12, pronounced), apex at 0.6 s"])
        rows.writerow(["plain.mp4", "0.2–0.6 s: smile onset (AU12, pronounced), apex at 0.6 s"])
    stored = Stored(path=tmp_path / "said.csv", columns=Columns(text="text"))
    result, _ = asked(clips, stored, tmp_path / "stored")
    # One of two events is told: events F1 2/3, relations 0 of 1, order 2·1/(1 + 2) = 2/3.
    assert result.answered == 2 and result.metrics["events"].value == pytest.approx(2 / 3)


def test_frames_are_spread_from_first_to_last(clips):
    labelled, plain = benchmark(clips, frames=4).questions()
    for question in (labelled, plain):
        found = shown_frames(question)
        assert [frame.number for frame in found] == [0, 6, 13, 19]
        assert [frame.time for frame in found] == pytest.approx([0, 0.6, 1.3, 1.9], abs=1e-3)
        assert all(frame.image.size == (SIDE, SIDE) for frame in found)
    assert shown_frames(plain)[0].faces is None
    face = shown_frames(labelled)[1].faces[0]
    assert face.labels.action_units == pytest.approx({12: 4.0, 4: 0.0})
    [middle] = shown_frames(benchmark(clips, frames=1).questions()[1])
    assert middle.number == 10
    assert len(shown_frames(benchmark(clips, frames=99).questions()[1])) == COUNT


def test_peaks_are_where_most_moves(clips):
    [_, question] = benchmark(clips, sampling="peaks", frames=6).questions()
    found = shown_frames(question)
    assert 1 <= len(found) <= 6 and found[0].number > 0


def test_frames_are_spoilt_and_mirrored_with_their_faces(clips):
    plain, blurred, flipped = (
        shown_frames(q)[0]
        for q in (
            *(benchmark(clips, "expression", corruption=c).questions()[0] for c in ("", "blur:5")),
            benchmark(clips, "expression", mirrored=True).questions()[1],
        )
    )
    one, two, three = (np.asarray(f.image, int) for f in (plain, blurred, flipped))
    assert np.abs(one - two).mean() > 1 and (three == one[:, ::-1]).all()
    (left, right), (x, _) = plain.faces[0].points[0], flipped.faces[0].points[16]
    assert x == pytest.approx(SIDE - left) and right > 0
    covered = benchmark(clips, "expression", corruption="occlude_mouth:3").questions()[1]
    with pytest.raises(FaceLLMError, match="the frames of clip plain have none; run the step"):
        shown_frames(covered)


def test_times_are_told():
    assert told([0.5]) == "The picture is the frame of a clip at 0.5 s."
    assert told([0, 0.75, 1.5]) == (
        "The 3 pictures are frames of one clip, in order, at 0.0, 0.8 and 1.5 s."
    )


def test_our_model_tells_events_at_the_times_of_the_frames(tmp_path):
    # Darkness at 10 frames a second, but for frames 6 to 11: bright, brightest at 8.
    grey = [204 if n == 8 else 153 if 6 <= n <= 11 else 10 for n in range(COUNT)]
    write_video(tmp_path / "a.mp4", [np.full((SIDE, SIDE, 3), g, np.uint8) for g in grey])
    smile = Event(action_unit=12, onset=0.5, apex=0.8, offset=1.2, intensity=4)
    clip = Clip(
        id="a", video="a.mp4", labels=FaceLabels(events=(smile,)), split="test",
        provenance=Provenance(source="t", licence="none", subject_id="u"),
    )  # fmt: skip
    (tmp_path / "clips.jsonl").write_text(clip.model_dump_json())
    [row] = asked(tmp_path, model(Brightness()), tmp_path / "run", frames=COUNT)[1]
    assert row["value"] == 1.0
    events = TASKS["dynamics"].parse(row["raw"]).events
    assert [(e.action_unit, e.onset, e.offset) for e in events] == [("AU12", 0.5, 1.2)]


def test_our_model_names_an_expression_by_the_mean_over_frames(clips, tmp_path):
    engine = ScriptedEngine()
    result, rows = asked(clips, model(engine), tmp_path, "expression", frames=3)
    assert result.answered == 2 and [row["value"] for row in rows] == [0.0, 1.0]
    assert '"happiness": 0.65' in rows[0]["probabilities"]
    pictures = {request.image.tobytes() for request in engine.asked}
    assert len(pictures) == 6  # three frames of each clip, each asked about alone


@pytest.mark.parametrize(
    ("task", "clips_are"), [("expression", "together"), ("open_emotion", "read")]
)
def test_other_tasks_and_together_show_all_frames_in_one_prompt(clips, tmp_path, task, clips_are):
    engine = ScriptedEngine()
    asked(clips, model(engine, clips=clips_are, probabilities=False), tmp_path, task, frames=3)
    first = engine.asked[0]
    assert len(engine.asked) == 2 and len(first.pictures) == 3
    assert first.question.startswith(told([0, 1.0, 1.9]))
    assert [part["type"] for part in first.messages[0]["content"]] == ["image"] * 3 + ["text"]


def test_clips_without_faces_or_files_are_counted(clips, tmp_path):
    result, _ = asked(clips, model(points=(), landmarks="found"), tmp_path / "a")
    assert result.answered == 0 and result.partial
    assert all("no face in any of the 16 frames" in reason for reason in result.failures)
    gone = shutil.copytree(clips, tmp_path / "gone")
    (gone / "plain.mp4").unlink()
    result, _ = asked(gone, model(), tmp_path / "b")
    assert result.answered == 1
    assert "no answer: no such video file: 'plain.mp4'" in result.failures


def test_given_faces_need_points(clips, tmp_path):
    bare = shutil.copytree(clips, tmp_path / "bare")
    clip = Clip.model_validate_json((bare / "clips.jsonl").read_text().splitlines()[0])
    frames = [f.model_copy(update={"faces": [Face(box=(0, 0, 9, 9))]}) for f in clip.frames]
    clip = clip.model_copy(update={"frames": frames})
    (bare / "clips.jsonl").write_text(clip.model_dump_json())
    result, _ = asked(bare, model(), tmp_path / "a", "expression")
    assert "faces without landmarks; use landmarks: found" in next(iter(result.failures))
    result, _ = asked(bare, model(landmarks="found"), tmp_path / "b", "expression")
    assert result.answered == 1


def test_endpoints_get_frames_with_times(clips, server, tmp_path):
    server.text = "0.2–0.6 s: smile onset (AU12, pronounced), apex at 0.6 s"
    result, _ = asked(clips, endpoint(server), tmp_path, frames=4)
    assert result.answered == 2 and result.metrics["events"].value == pytest.approx(2 / 3)
    *pictures, text = server.seen[0]["messages"][0]["content"]
    assert len(pictures) == 4
    assert all(p["image_url"]["url"].startswith("data:image/png;base64,") for p in pictures)
    assert text["text"].startswith(told([0, 0.6, 1.3, 1.9]))
    assert text["text"].endswith(TASKS["dynamics"].suffix)


def test_endpoints_get_the_file_where_the_recipe_says_so(clips, server, tmp_path):
    asked(clips, endpoint(server, clips="video_url", concurrency=1), tmp_path)
    video, text = server.seen[0]["messages"][0]["content"]
    kind, data = video["video_url"]["url"].split(";base64,")
    assert (video["type"], kind) == ("video_url", "data:video/mp4")
    assert base64.b64decode(data) == (clips / "labelled.mp4").read_bytes()
    assert text["text"].startswith(f"The clip lasts {COUNT / FPS:.1f} s. ")


def test_what_an_endpoint_cannot_be_sent_is_counted(clips, server, tmp_path):
    server.most_pictures = 3
    result, _ = asked(clips, endpoint(server), tmp_path / "refused", frames=4)
    assert result.answered == 0
    assert any("At most 3 image(s)" in reason for reason in result.failures)
    server.seen.clear()
    spoilt = {"task": "expression", "corruption": "blur:3"}
    result, _ = asked(clips, endpoint(server, clips="video_url"), tmp_path / "spoilt", **spoilt)
    assert result.answered == 0 and not server.seen
    assert any("need clips: frames" in reason for reason in result.failures)


def test_what_needs_pictures_says_so(clips, tmp_path):
    with pytest.raises(FaceLLMError, match=r"grounding needs pictures, and .* has 2 clips"):
        benchmark(clips, "expression", grounding=True).questions()
    with pytest.raises(FaceLLMError, match="is a clip; expected a picture"):
        lmms_eval.write(benchmark(clips), tmp_path)
    (tmp_path / "clips.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(FaceLLMError, match=r"clips.jsonl:1 is not a clip"):
        benchmark(tmp_path).questions()


@pytest.mark.slow
def test_the_shipped_model_takes_several_pictures(clips, tmp_path):
    own = InProcess(clips="together", landmarks="found", max_tokens=8, probabilities=False)
    result, [row] = asked(clips, own, tmp_path, "expression", frames=3, limit=1)
    assert result.answered == 1 and row["raw"]
