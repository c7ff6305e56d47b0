"""Hiding parts of a face: a served model whose answer hangs on one region is found out."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import yaml
from PIL import Image

from eval.benchmark import Benchmark
from eval.corruptions import face_square, hide_tile
from eval.models.base import shown
from eval.models.endpoint import Endpoint
from eval.models.guess import Guess
from eval.occlusion import GRID, hidden_questions, occludes
from eval.recipe import Recipe
from eval.run import evaluate
from facellm.core.errors import FaceLLMError
from facellm.core.grammar import render_answer
from facellm.core.recipe import load
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples

SIDE = 140
GREEN, RED = (0, 200, 0), (200, 0, 0)


def circle(n, radius, x, y):
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def points():
    """A face drawn with a ruler: brows at y 40, mouth at y 100."""
    jaw = [(30 + 5 * n, 60 + 65 * np.sin(np.pi * n / 16)) for n in range(17)]
    brows = [(38 + 6 * n, 40) for n in range(5)] + [(78 + 6 * n, 40) for n in range(5)]
    nose = [(70, 50 + 8 * n) for n in range(4)] + [(62 + 4 * n, 80) for n in range(5)]
    eyes = circle(6, 6, 50, 52) + circle(6, 6, 90, 52)
    mouth = circle(12, 14, 70, 100) + circle(8, 8, 70, 100)
    return [(float(x), float(y)) for x, y in (*jaw, *brows, *nose, *eyes, *mouth)]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Three people with a green patch on the mouth and a red one in the left upper corner."""
    folder = tmp_path_factory.mktemp("occlusion")
    picture = Image.new("RGB", (SIDE, SIDE), (120, 120, 120))
    picture.paste(GREEN, (66, 97, 74, 104))
    picture.paste(RED, (0, 0, 4, 4))
    picture.save(folder / "p.png")
    samples = [
        Sample(
            id=f"s{n}",
            image="p.png",
            faces=[
                Face(
                    box=(20, 20, 120, 130),
                    points=points(),
                    labels=FaceLabels(action_units={4: 3.0, 12: 0.0, 25: 3.0}),
                )
            ],
            provenance=Provenance(source="t", licence="none", subject_id=f"u{n}"),
            split="test",
        )
        for n in range(3)
    ]
    write_samples(folder / "samples.jsonl", samples)
    return folder


class Served(BaseHTTPRequestHandler):
    """States AU25 where it sees green, and AU4 whatever it sees."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        url = body["messages"][0]["content"][0]["image_url"]["url"]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))), int)
        self.server.asked += 1
        near = np.abs(pixels - self.server.colour).sum(-1) < 60
        text = render_answer({"AU4": 3, "AU25": 4 if near.any() else 0})
        reply = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    served = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    served.asked, served.colour = 0, GREEN
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def measured(server, faces, tmp_path, occluded=2):
    url = f"http://127.0.0.1:{server.server_port}/v1"
    model = Endpoint(base_url=url, model="m", max_retries=0, concurrency=4)
    asked = Benchmark(name="b", task="action_units", corpus=faces, grounding="occlusion")
    result, rows = evaluate(asked, asked.questions(), "m", model, tmp_path, occluded)
    assert len(rows) == 3  # hidden tiles are no questions of the benchmark
    return result.metrics


def test_an_endpoint_that_looks_at_the_mouth_is_seen_to_do_so(server, faces, tmp_path):
    found = measured(server, faces, tmp_path)
    assert server.asked == 3 + 2 * GRID * GRID
    # Two faces, each with AU4, which nothing moves, and AU25, which hiding the mouth does.
    assert found["occlusion_moved"].value == 0.5 and found["occlusion_moved"].n == 4
    assert found["occlusion_pointing"].value == 0.5 == found["occlusion_inside"].value
    assert found["occlusion_iou/AU25"].value > 0 == found["occlusion_iou/AU4"].value
    assert 0 < found["occlusion_chance"].value < 0.4


def test_answers_about_hidden_parts_are_kept(server, faces, tmp_path):
    first = measured(server, faces, tmp_path)
    before = server.asked
    assert measured(server, faces, tmp_path) == first and server.asked == before


def test_an_endpoint_that_looks_elsewhere_hits_nothing(server, faces, tmp_path):
    server.colour = RED
    found = measured(server, faces, tmp_path)
    assert found["occlusion_moved"].value == 0 == found["occlusion_pointing"].value


def test_tiles_cover_the_face_once_and_nothing_else(faces):
    [question, *_] = Benchmark(name="b", task="action_units", corpus=faces).questions()
    face = question.sample.faces[0]
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    times = np.zeros((SIDE, SIDE), int)
    for tile in range(GRID * GRID):
        times += (np.asarray(hide_tile(picture, face, GRID, tile)) != noise).any(-1)
    left, top, side = face_square(face)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[max(0, round(top)) : round(top + side), max(0, round(left)) : round(left + side)] = True
    assert times.max() == 1 and not times[~inside].any() and times[inside].mean() > 0.99
    hidden = hidden_questions([question], 5)
    assert len({q.id for q in hidden}) == len(hidden) == GRID * GRID
    assert shown(hidden[0]).faces == question.sample.faces


def test_who_can_be_asked_again(faces):
    asked = Benchmark(name="b", task="action_units", corpus=faces, grounding="occlusion")
    assert not occludes(asked, Guess(kind="gold"))
    served = Endpoint(base_url="http://localhost", model="m")
    assert occludes(asked, served)
    assert not occludes(asked.model_copy(update={"corruption": "blur:1"}), served)
    assert not occludes(asked.model_copy(update={"grounding": True}), served)


def test_mistakes_are_said(faces, tmp_path, corpus):
    unlabelled = Benchmark(name="b", task="action_units", corpus=faces).questions()
    bare = [
        q._replace(sample=q.sample.model_copy(update={"faces": [
            q.sample.faces[0].model_copy(update={"points": None})
        ]}))
        for q in unlabelled
    ]  # fmt: skip
    with pytest.raises(FaceLLMError, match="needs faces with landmarks"):
        hidden_questions(bare, 3)
    path = tmp_path / "r.yaml"
    benchmark = {"name": "b", "task": "expression", "corpus": "c", "grounding": "occlusion"}
    data = {"output_dir": "o", "models": {"gold": {"kind": "gold"}}, "benchmarks": [benchmark]}
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(FaceLLMError, match="needs answers that state units"):
        load(Recipe, path)
