"""A real server and the `openai` client as it comes: chat, streaming, schema, bad input."""

import base64
import json
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx
import jsonschema
import pytest
from PIL import Image

from facellm import FaceReport
from facellm.core.errors import FaceLLMError
from facellm.faces import load_finder
from serve.client import ServerReader, data_url

openai = pytest.importorskip("openai")
data = pytest.importorskip("skimage.data")
pytest.importorskip("vllm")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REPORT_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "FaceReport", "schema": FaceReport.model_json_schema()},
}


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="module")
def client(server: Any) -> Any:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def reader(server: Any) -> ServerReader:
    return ServerReader(server.url)


def chat(url: str, question: str = "What do you see?") -> list[dict[str, Any]]:
    picture = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [picture, {"type": "text", "text": question}]}]


def test_chat_and_stream_give_the_same_text(server: Any, client: Any, photo: Image.Image) -> None:
    asked = {"model": server.model, "messages": chat(data_url(photo)), "max_tokens": 20}
    whole = client.chat.completions.create(**asked, temperature=0)
    chunks = client.chat.completions.create(**asked, temperature=0, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert whole.choices[0].message.content == text
    assert whole.usage.completion_tokens == 20


def test_report_by_schema_is_measured_not_made_up(
    server: Any, client: Any, photo: Image.Image
) -> None:
    answer = client.chat.completions.create(
        model=server.model, messages=chat(data_url(photo)), response_format=REPORT_FORMAT
    )
    text = answer.choices[0].message.content
    published = httpx.get(f"{server.url}/v1/face/schema").json()
    jsonschema.validate(json.loads(text), published)
    report = FaceReport.model_validate_json(text)
    found = load_finder().find(photo)
    assert (report.width, report.height) == photo.size
    assert len(report.faces) == len(found) > 0
    for face, measured in zip(report.faces, found, strict=True):
        assert face.box == pytest.approx(measured.box, abs=0.01)
    assert sum(report.faces[0].expression.probabilities.values()) == pytest.approx(1)
    assert answer.usage.total_tokens > 0


def test_report_by_schema_streams_and_parses(server: Any, client: Any, photo: Image.Image) -> None:
    asked = {"model": server.model, "messages": chat(data_url(photo))}
    chunks = client.chat.completions.create(**asked, response_format=REPORT_FORMAT, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    parsed = client.chat.completions.parse(**asked, response_format=FaceReport)
    assert parsed.choices[0].message.parsed == FaceReport.model_validate_json(text)


def test_other_schemas_are_vllms(server: Any, client: Any, photo: Image.Image) -> None:
    schema = {
        "type": "object",
        "properties": {"emotion": {"enum": ["anger", "fear"]}},
        "required": ["emotion"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=server.model,
        messages=chat(data_url(photo)),
        response_format={"type": "json_schema", "json_schema": {"name": "e", "schema": schema}},
    )
    jsonschema.validate(json.loads(answer.choices[0].message.content), schema)


def test_report_about_a_picture_without_faces(reader: ServerReader) -> None:
    report = reader.describe(Image.new("RGB", (320, 240), (90, 120, 90)))
    assert report.faces == []


def test_asking_about_one_face(reader: ServerReader, photo: Image.Image) -> None:
    assert reader.ask(photo, "Why?", 1) == "".join(reader.ask(photo, "Why?", 1, stream=True))
    for stream in (False, True):
        with pytest.raises(FaceLLMError, match="there is no face 99: "):
            list(reader.ask(photo, "Why?", 99, stream=stream))


def test_annotated_picture_has_maps(reader: ServerReader, photo: Image.Image) -> None:
    report = reader.describe(photo)
    seen = reader.evidence_maps(photo, report)
    assert [one.face for one in seen] == [face.index for face in report.faces]
    assert sum(map(sum, seen[0].regions["mouth"])) == pytest.approx(1, abs=1e-3)
    assert reader.annotate(photo, report).width > 1000


def test_given_faces_are_read_where_they_are(
    server: Any, reader: ServerReader, photo: Image.Image
) -> None:
    points = [[float(200 + index), float(120 + index % 7)] for index in range(68)]
    body = {"image": data_url(photo), "faces": [{"points": points}]}
    answer = httpx.post(f"{server.url}/v1/face/analyze", json=body, timeout=60)
    report = FaceReport.model_validate(answer.json())
    assert report.finder == "given"
    assert report.faces[0].box == (200, 120, 267, 126)


def url_of(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def png_bytes() -> bytes:
    buffer = BytesIO()
    Image.effect_noise((64, 64), 90).save(buffer, "PNG")
    return buffer.getvalue()


def header_of_png(width: int, height: int) -> bytes:
    """A PNG that claims a size; its pixels never come."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", crc32(header))


BAD = {
    "empty": url_of(b""),
    "text": url_of(b"hello"),
    "truncated": url_of(png_bytes()[:2000]),
    "bomb": url_of(header_of_png(40_000, 40_000)),
    "not base64": "data:image/png;base64,@@@",
    "remote": "http://example.com/a.png",
    "local": "file:///etc/hostname",
    "no url": "nonsense",
}


@pytest.mark.parametrize("options", [{}, {"response_format": REPORT_FORMAT}])
@pytest.mark.parametrize("kind", BAD)
def test_bad_pictures_are_the_clients_fault(
    server: Any, client: Any, kind: str, options: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model=server.model, messages=chat(BAD[kind]), **options)
    assert len(str(error.value)) < 300
    assert httpx.get(f"{server.url}/health").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"image": 5},
        {"image": "@@@"},
        {"image": "http://example.com/a.png"},
        {"image": "aGVsbG8=", "more": 1},
        {"image": "aGVsbG8=", "faces": [{"points": [[1, 2]]}]},
    ],
)
def test_bad_bodies_are_the_clients_fault(server: Any, body: dict[str, Any]) -> None:
    for path in ("analyze", "maps", "ask"):
        answer = httpx.post(f"{server.url}/v1/face/{path}", json=body)
        assert answer.status_code == 400
        assert len(answer.json()["error"]["message"]) < 200


def test_two_pictures_make_no_report(server: Any, client: Any, photo: Image.Image) -> None:
    both = chat(data_url(photo)) + chat(data_url(photo))
    with pytest.raises(openai.BadRequestError, match="one picture"):
        client.chat.completions.create(
            model=server.model, messages=both, response_format=REPORT_FORMAT
        )


def test_commands_ask_the_server(server: Any, photo: Image.Image, tmp_path: Path) -> None:
    path, out = tmp_path / "photo.png", tmp_path / "seen.png"
    photo.save(path)
    line = [sys.executable, "-c", "from facellm.cli import main; main()", "describe", str(path)]
    line += ["--json", "--out", str(out), "--server", server.url]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert FaceReport.model_validate_json(done.stdout).faces
    assert out.is_file()


def test_the_log_says_nothing_about_what_was_asked(server: Any) -> None:
    log = server.log.read_text()
    assert "serving" in log
    for private in ("What do you see", "base64", "Why?"):
        assert private not in log
