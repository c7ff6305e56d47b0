"""Clips in the page: frames taken by the browser, read one by one, shown over time, saved."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ui_downloads import check_rows, downloaded

from facellm import FaceReport
from facellm.core.fex import rows_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def clip(astronaut: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.5 s at 10 frames a second; the face moves to the right and is away from 1 s on."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    path = tmp_path_factory.mktemp("clips") / "clip.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width = stream.height = 256
        stream.bit_rate = 2_000_000
        for number in range(15):
            picture = Image.new("RGB", (256, 256), (90, 120, 90))
            if number < 10:
                left = 100 - 2 * number
                picture = astronaut.crop((left, 0, left + 256, 256))
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def reports_of(answers: list[Any]) -> list[dict[str, Any]]:
    return [answer.json() for answer in answers]


def test_a_clip_is_read_frame_by_frame(page: Any, clip: Path) -> None:
    answers: list[Any] = []
    page.on("response", lambda r: answers.append(r) if r.url.endswith("/analyze") else None)
    page.set_input_files("#file", clip)
    page.wait_for_selector("#clip:visible")
    assert page.inner_text("#read") == "Read 3 frames"
    page.click("#read")
    page.wait_for_selector("#busy", state="hidden")
    reports = reports_of(answers)
    assert [len(report["faces"]) for report in reports] == [1, 1, 0]

    assert page.get_attribute("#scrub", "max") == "2"
    assert page.inner_text("#when").startswith("Frame 2 of 3, 0.5 s"), "the last that shows a face"
    shown = reports[1]["faces"][0]
    assert page.inner_text("#text") == shown["text"]
    rows = page.eval_on_selector_all(
        ".line",
        "all => all.map(row => [row.dataset.name, "
        "[...row.querySelectorAll('.fill')].map(bar => Number(bar.getAttribute('height')) / 20)])",
    )
    emotions = {name: values for name, values in rows if not name.startswith("AU")}
    units = {name: values for name, values in rows if name.startswith("AU")}
    stated = {
        code for report in reports for face in report["faces"] for code in face["action_units"]
    }
    assert set(units) == stated
    for name, values in rows:
        for value, report in zip(values, reports, strict=True):
            for face in report["faces"]:
                share = face["expression"]["probabilities"].get(name)
                wanted = face["action_units"].get(name, 0) / 5 if share is None else share
                assert value == pytest.approx(wanted, abs=0.051)  # a bar is at least a line
    assert shown["expression"]["label"] in emotions

    row = page.locator(".line svg").first
    box = row.bounding_box()
    row.click(position={"x": box["width"] / 6, "y": 5})
    assert page.inner_text("#when").startswith("Frame 1 of 3, 0.0 s")
    assert page.inner_text("#text") == reports[0]["faces"][0]["text"]
    page.focus("#scrub")
    page.keyboard.press("End")
    assert "not seen in this frame" in page.inner_text("#nobody") or (
        page.inner_text("#nobody").startswith("No face was found")
    )

    for report in reports:
        for face in report["faces"]:
            face["track"] = 1
    name, text = downloaded(page, "#csv")
    assert name == "clip.csv"
    read = [FaceReport.model_validate(report) for report in reports]
    times = (0.0, 0.5, 1.0)
    rows = [
        row
        for number, (report, time) in enumerate(zip(read, times, strict=True))
        for row in rows_of(report, "clip.webm", number, time)
    ]
    check_rows(text, rows)
    name, text = downloaded(page, "#json")
    assert name == "clip.json"
    frames = json.loads(text)["frames"]
    assert [FaceReport.model_validate(frame["report"]) for frame in frames] == read


def test_reading_a_clip_is_cancelled_and_what_was_read_stays(page: Any, clip: Path) -> None:
    page.set_input_files("#file", clip)
    page.select_option("#rate", "10")
    assert page.inner_text("#read") == "Read 15 frames"
    page.click("#read")
    page.wait_for_selector("#times:visible")  # two frames are read
    page.click("#cancel")
    page.wait_for_selector("#busy", state="hidden")
    read = int(page.get_attribute("#scrub", "max")) + 1
    assert 2 <= read < 15
    assert page.inner_text("#problem") == ""
    _, text = downloaded(page, "#json")
    assert len(json.loads(text)["frames"]) == read


def test_the_camera_gives_pictures_and_frames(page: Any) -> None:
    page.click("#camera")
    page.wait_for_function("() => document.getElementById('viewfinder').currentTime > 0")
    page.click("#shoot")
    page.wait_for_selector("#nobody:visible")
    assert "camera.jpg" in page.inner_text("#note")
    assert page.evaluate("document.getElementById('viewfinder').srcObject") is None
