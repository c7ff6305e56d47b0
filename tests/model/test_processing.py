"""Views, landmarks and token counts of the processor."""

import numpy as np
import pytest
import torch
from drawn_faces import face_points, picture
from PIL import Image

from facellm.core.errors import FaceLLMError
from facellm.model.processing import IMAGE_TOKEN
from facellm.model.views import cut, face_view, picture_view, plan_views, to_view
from facellm.model.vision import ABSENT, POINT_UNIT


def test_a_face_view_is_a_square_that_holds_the_face_and_its_forehead():
    points = face_points(50, 40, 12)
    view = face_view(points, 0)
    inside = to_view(points, view)
    assert inside.min() > 0.05 and inside.max() < 0.95
    assert inside[:, 1].min() > 1 - inside[:, 1].max()  # more room above than below


def test_a_small_face_is_seen_at_full_size():
    """Where the peers see a whole picture, a 20 px face fills its own view here."""
    image = Image.new("RGB", (640, 480), "white")
    points = face_points(500, 100, 8)
    view = face_view(points, 0)
    image.paste("black", view.box)
    assert np.asarray(cut(image, view, 32)).max() == 0


def test_pixels_and_landmarks_agree_on_x_and_y():
    image = Image.new("RGB", (100, 60))
    points = face_points(60, 25, 10)
    x, y = points[30]
    image.paste("white", (round(x) - 1, round(y) - 1, round(x) + 2, round(y) + 2))
    view = face_view(points, 0)
    seen = np.asarray(cut(image, view, 64).convert("L"))
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    np.testing.assert_allclose(to_view(points[30], view) * 64, [column, row], atol=2.5)


def test_outside_the_picture_is_black_and_points_may_lie_there():
    points = face_points(2, 2, 10)
    view = face_view(points, 0)
    assert view.x < 0 and view.y < 0
    assert np.asarray(cut(Image.new("RGB", (40, 40), "white"), view, 16))[0, 0].max() == 0


def test_without_faces_the_whole_picture_is_one_view():
    (view,) = plan_views(90, 50, np.zeros((0, 68, 2), np.float32), "face")
    assert view == picture_view(90, 50, 0)
    assert view.box == (0, -20, 90, 70)


def test_picture_views_hold_all_faces_at_once(tmp_path):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from facellm.model import debug_checkpoint

    folder = debug_checkpoint(tmp_path, views="picture")
    processor = AutoProcessor.from_pretrained(folder)
    points = [face_points(25, 30, 8), face_points(70, 30, 8)]
    inputs = processor(
        text=f"{IMAGE_TOKEN} who?", images=[picture()], landmarks=[points], padding=True
    )
    assert inputs["num_views"].tolist() == [1]
    assert (inputs["landmarks"][0, :3, 0, 0] != ABSENT).tolist() == [True, True, False]
    model = AutoModelForImageTextToText.from_pretrained(folder)
    assert model.generate(**inputs, max_new_tokens=2).shape[1] > inputs["input_ids"].shape[1]


def test_landmarks_travel_as_whole_numbers(processor):
    points = [face_points(40, 30, 10)]
    out = processor.image_processor(picture(), [points])
    assert out["landmarks"].dtype == torch.int32
    view = face_view(points[0], 0)
    back = out["landmarks"][0, 0].numpy() * POINT_UNIT
    np.testing.assert_allclose(back, to_view(points[0], view), atol=POINT_UNIT)


def test_two_pictures_and_text_share_one_call(processor):
    text = f"{IMAGE_TOKEN} and {IMAGE_TOKEN}: same?"
    out = processor(
        text=text, images=[picture(1), picture(2)],
        landmarks=[[face_points(40, 30, 10)], []],
    )  # fmt: skip
    counts = processor.image_token_counts(out["landmarks"], out["num_views"])
    assert counts == [processor.patch_tokens + 15, processor.patch_tokens]
    assert (out["input_ids"] == processor.image_token_id).sum() == sum(counts)


def test_grey_alpha_and_palette_pictures_are_taken(processor):
    for mode in ("L", "RGBA", "P", "1", "CMYK"):
        out = processor.image_processor(picture().convert(mode), [[]])
        assert out["pixel_values"].shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        ([np.zeros((1, 5, 2))], r"shape \(1, 5, 2\); expected \(faces, 68, 2\)"),
        ([np.full((1, 68, 2), np.nan)], "finite"),
        ([np.zeros((9, 68, 2))], "9 faces were given; this model takes 8"),
        ([[], []], "2 pictures but there are 1"),
    ],
)
def test_bad_landmarks_are_one_clear_line(processor, landmarks, message):
    with pytest.raises(FaceLLMError, match=message):
        processor.image_processor(picture(), landmarks)


def test_image_tokens_and_pictures_must_match(processor):
    with pytest.raises(FaceLLMError, match="2 image tokens but 1 pictures"):
        processor(text=IMAGE_TOKEN * 2, images=[picture()], landmarks=[[]])
