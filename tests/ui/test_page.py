"""The page in a real Chromium over a real server with the shipped weights."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from ui_downloads import check_rows, downloaded

from facellm import FaceReport
from facellm.core.fex import rows_of
from facellm.core.regions import REGIONS, region_polygon
from facellm.faces.track import Tracker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DROP = """([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  for (const kind of ["dragover", "drop"])
    document.body.dispatchEvent(
      new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def drop(page: Any, path: Path, kind: str = "image/png") -> None:
    page.evaluate(DROP, [path.name, kind, base64.b64encode(path.read_bytes()).decode()])


def read(page: Any, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Drop a picture; what the page sent and what it was answered."""
    with page.expect_response("**/v1/face/analyze") as waiting:
        drop(page, path)
    page.wait_for_selector("#reading:visible")
    return waiting.value.request.post_data_json, waiting.value.json()


def sent_picture(body: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(body["image"].partition(",")[2])))


def bars(page: Any, of: str) -> dict[str, float]:
    """Name → value of the bars, checked against how long they are drawn."""
    drawn = page.eval_on_selector_all(
        f"{of} .bar",
        "all => all.map(b => [b.dataset.name, Number(b.dataset.value), "
        "b.querySelector('.track > span').style.width])",
    )
    whole = {"#units": 5, "#expressions": 1}[of]
    for _, value, width in drawn:
        assert float(width.rstrip("%")) == pytest.approx(100 * value / whole, abs=1e-3)
    return {name: value for name, value, _ in drawn}


def check_panel(page: Any, face: dict[str, Any]) -> None:
    """The chosen face's panel says what the report says."""
    share = round(100 * face["expression"]["probabilities"][face["expression"]["label"]])
    assert page.inner_text("#headline").lower() == (
        f"face {face['index']} {face['expression']['label']} {share} %"
    )
    assert page.inner_text("#text") == face["text"]
    assert bars(page, "#units") == pytest.approx(face["action_units"])
    assert bars(page, "#expressions") == pytest.approx(face["expression"]["probabilities"])
    lines = page.eval_on_selector_all("#evidence button", "all => all.map(b => b.innerText)")
    assert len(lines) == len(face["evidence"])
    for line, evidence in zip(lines, face["evidence"], strict=True):
        assert evidence["text"] in line and (evidence["action_unit"] or "") in line


def test_a_dropped_picture_shows_what_the_api_says(
    page: Any, http: httpx.Client, two_faces: Path
) -> None:
    body, report = read(page, two_faces)
    assert np.array_equal(np.asarray(sent_picture(body)), np.asarray(Image.open(two_faces)))
    direct = http.post("/v1/face/analyze", json=body, timeout=300).json()
    assert len(report["faces"]) == len(direct["faces"]) == 2
    for face, same in zip(report["faces"], direct["faces"], strict=True):
        assert face["box"] == pytest.approx(same["box"], abs=0.1)
        assert face["expression"]["label"] == same["expression"]["label"]

    whole = page.locator("#picture").bounding_box()
    scale = whole["width"] / report["width"]
    boxes = page.locator("#faces .box")
    assert boxes.count() == 2
    for place, face in enumerate(report["faces"]):
        assert boxes.nth(place).inner_text() == str(face["index"])
        drawn, (x0, y0, x1, y1) = boxes.nth(place).bounding_box(), face["box"]
        seen = drawn["x"] - whole["x"], drawn["y"] - whole["y"], drawn["width"], drawn["height"]
        wanted = x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale
        assert seen == pytest.approx(wanted, abs=1)
    check_panel(page, report["faces"][0])
    boxes.nth(1).click(position={"x": 3, "y": 3})
    check_panel(page, report["faces"][1])

    name, text = downloaded(page, "#json")
    assert name == "two faces.json"
    assert FaceReport.model_validate_json(text) == FaceReport.model_validate(report)
    name, text = downloaded(page, "#csv")
    assert name == "two faces.csv"
    check_rows(text, rows_of(FaceReport.model_validate(report), "two faces.png"))


def test_regions_are_clicked_asked_about_and_lit(
    page: Any, http: httpx.Client, two_faces: Path
) -> None:
    _, report = read(page, two_faces)
    face = report["faces"][0]
    assert face["evidence"], "the astronaut smiles"
    page.hover("#evidence button >> nth=0")
    lit = page.eval_on_selector_all(".region.lit", "all => all.map(r => r.dataset.region)")
    named = face["evidence"][0]["region"]
    words = page.evaluate("fetch('vocabulary.json').then(r => r.json())")
    assert sorted(lit) == sorted(words["pairs"].get(named, [named]))
    page.hover("#headline")
    assert page.locator(".region.lit").count() == 0

    x, y = np.mean([face["points"][index] for index in range(60, 68)], axis=0)
    whole = page.locator("#picture").bounding_box()
    scale = whole["width"] / report["width"]
    page.mouse.click(whole["x"] + x * scale, whole["y"] + y * scale)
    assert page.input_value("#question") == "What do you see at the inner mouth?"

    with page.expect_response("**/v1/face/ask") as waiting:
        page.click("#send")
    page.wait_for_selector(".answer:not([aria-busy])")
    asked = waiting.value.request.post_data_json
    assert (asked["question"], asked["face"]) == ("What do you see at the inner mouth?", 1)
    whole_answer = {**asked, "stream": False}
    direct = http.post("/v1/face/ask", json=whole_answer, timeout=300).json()
    text = direct["choices"][0]["message"]["content"]
    assert page.text_content(".answer") == text != ""
    assert text in page.text_content("#status"), "people who do not see it hear it"

    with page.expect_response("**/v1/face/maps"):
        page.check("#maps")
    page.wait_for_selector("#heat:visible")
    painted = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"
    assert page.eval_on_selector("#heat", painted)


def test_the_keyboard_alone_is_enough(page: Any, two_faces: Path) -> None:
    def tab_to(wanted: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("s => document.activeElement.matches(s)", wanted):
                style = "getComputedStyle(document.activeElement).outlineStyle"
                assert page.evaluate(style) != "none", "the focus is seen"
                return
        pytest.fail(f"no way to {wanted}")

    # The dialogue is caught from before the first key on: asked for later, it may come sooner.
    page.on("filechooser", lambda chooser: chooser.set_files(two_faces))
    tab_to("#choose")
    page.keyboard.press("Enter")
    page.wait_for_selector("#reading:visible")
    tab_to(".box:nth-child(2)")
    page.keyboard.press("Enter")
    assert page.input_value("#who") == "2"
    assert page.evaluate("document.activeElement.matches('.box.chosen')")
    tab_to("#where")
    page.keyboard.type("mouth")
    tab_to("#question")
    assert page.input_value("#question") == "What do you see at the mouth?"
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer:not([aria-busy])")
    assert "face 2" in page.inner_text(".asked")
    tab_to("#tabs input")
    page.keyboard.press("ArrowRight")
    assert page.locator(".box.chosen").inner_text() == "1"
    assert page.evaluate("document.activeElement.matches('#tabs input')")
    tab_to("#evidence button")
    assert page.locator(".region.lit").count() > 0
    tab_to("#csv")


def test_bad_files_are_said_in_words(page: Any, tmp_path: Path, two_faces: Path) -> None:
    bad = {"text.png": b"no picture", "empty.jpg": b"", "cut.png": two_faces.read_bytes()[:200]}
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        page.set_input_files("#file", path)
        said = "name => document.querySelector('#problem p')?.textContent.includes(name)"
        page.wait_for_function(said, arg=name)
        assert page.is_visible("#empty") and page.is_hidden("#busy")
    page.click("#problem button")
    assert page.inner_text("#problem") == ""
    (tmp_path / "clip.mp4").write_bytes(b"no clip" * 100)
    page.set_input_files("#file", tmp_path / "clip.mp4")
    page.wait_for_selector("#problem p")
    assert "clip.mp4 is no picture or clip" in page.inner_text("#problem")


def test_a_picture_is_sent_upright_as_large_as_said(
    page: Any, tmp_path: Path, astronaut: Image.Image
) -> None:
    """A camera that was held sideways; and more pixels than are sent."""
    wide = astronaut.crop((0, 0, 512, 300))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it upright
    wide.save(tmp_path / "turned.jpg", quality=95, exif=exif)
    with page.expect_response("**/v1/face/analyze") as waiting:
        page.set_input_files("#file", tmp_path / "turned.jpg")
    shown = page.eval_on_selector("#shown", "i => [i.naturalWidth, i.naturalHeight]")
    sent = sent_picture(waiting.value.request.post_data_json).convert("RGB")
    assert list(sent.size) == shown == [300, 512]
    difference = np.abs(np.asarray(sent, int) - np.asarray(wide.rotate(-90, expand=True), int))
    assert difference.mean() < 4

    Image.new("RGB", (5000, 2500), (90, 120, 90)).save(tmp_path / "large.png")
    with page.expect_response("**/v1/face/analyze") as waiting:
        page.set_input_files("#file", tmp_path / "large.png")
    assert sent_picture(waiting.value.request.post_data_json).size == (2560, 1280)
    assert "5000 × 2500 pixels, sent as 2560 × 1280" in page.inner_text("#note")


def test_a_phone_needs_no_sideways_scrolling(
    opened: Callable[..., Any], site: str, two_faces: Path, tmp_path: Path
) -> None:
    page = opened(site, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
    assert page.evaluate(width) == 360
    far = Image.new("RGB", (1024, 512), (90, 120, 90))
    far.paste(Image.open(two_faces), (256, 128))
    far.save(tmp_path / "far.png")
    read(page, tmp_path / "far.png")
    before = page.locator(".box.chosen").bounding_box()["width"]
    page.tap("#zoom")
    assert page.locator(".box.chosen").bounding_box()["width"] > 1.3 * before
    assert page.evaluate(width) == 360
    small = page.eval_on_selector_all(
        "button:visible, select:visible",
        "all => all.filter(b => !b.matches('.box') && b.offsetHeight < 36).map(b => b.id)",
    )
    assert small == [], "fingers need room"


def test_the_page_computes_regions_and_tracks_as_the_package_does(page: Any) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (68, 2)).round(2)
    outlines = page.evaluate(
        """async ([points, regions]) => {
          const { outline } = await import("/regions.js");
          const words = await (await fetch("vocabulary.json")).json();
          return regions.map((region) => outline(region, points, words));
        }""",
        [points.tolist(), list(REGIONS)],
    )
    for region, outline in zip(REGIONS, outlines, strict=True):
        assert np.asarray(outline) == pytest.approx(region_polygon(region, points))

    frames, tracker, expected = [], Tracker(), []
    for number in range(200):
        corners = rng.uniform(0, 60, (rng.integers(0, 5), 2))
        sizes = rng.uniform(10, 40, (len(corners), 1)).repeat(2, 1)
        boxes = np.hstack([corners, corners + sizes]).round(2).tolist()
        frames.append({"boxes": boxes, "time": number * 0.7})
        tracker, numbers = tracker.step([tuple(box) for box in boxes], number * 0.7)
        expected.append(numbers)
    followed = page.evaluate(
        """async (frames) => {
          const { Tracker } = await import("/track.js");
          const words = await (await fetch("vocabulary.json")).json();
          const tracker = new Tracker(words.tracking);
          return frames.map(({ boxes, time }) => tracker.step(boxes, time));
        }""",
        frames,
    )
    assert followed == expected


def test_a_server_that_is_not_there_is_said_in_words(opened: Callable[..., Any]) -> None:
    from ui_sites import running

    from serve.process import free_port
    from serve.ui.app import page as application

    with running(application(f"http://127.0.0.1:{free_port()}")) as url:
        page = opened(url)
        page.wait_for_selector("#problem p")
        assert "is `facellm serve` running there?" in page.inner_text("#problem")
