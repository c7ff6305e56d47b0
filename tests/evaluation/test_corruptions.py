"""Spoilt pictures: worse with severity, equal for equal seeds, of unchanged size."""

import numpy as np
import pytest
from PIL import Image

from data_engine.rig import Rig, load_head
from data_engine.rig.spec import RigSpec
from eval.corruptions import KINDS, corrupt, parse
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face


@pytest.fixture(scope="module")
def picture():
    frame = Rig(load_head("procedural"), size=128).render(RigSpec())
    points = [(float(x), float(y)) for x, y in frame.points]
    return Image.fromarray(frame.image), [Face(box=frame.box, points=points)]


def damage(picture, corruption):
    image, faces = picture
    spoilt = corrupt(image, corruption, faces, seed="q")
    assert spoilt.size == image.size and spoilt.mode == "RGB"
    return np.abs(np.asarray(spoilt, float) - np.asarray(image, float))


@pytest.mark.parametrize("kind", KINDS[:5])
def test_every_severity_is_worse_than_the_one_before(picture, kind):
    errors = [damage(picture, f"{kind}:{n}").mean() for n in range(1, 6)]
    assert errors[1] > 0 and errors == sorted(errors)


def test_equal_questions_are_spoilt_equally_and_others_are_not(picture):
    image, faces = picture
    one, two, other = (corrupt(image, "noise:3", faces, seed) for seed in ("a", "a", "b"))
    assert one.tobytes() == two.tobytes() != other.tobytes()


@pytest.mark.parametrize("region", ["mouth", "left_eye", "forehead", "jaw"])
def test_occlusion_covers_its_region_and_little_else(picture, region):
    from facellm.core.regions import region_polygon

    changed = damage(picture, f"occlude_{region}:3").max(-1) > 0
    outline = region_polygon(region, np.asarray(picture[1][0].points))
    x, y = outline.mean(0) if region != "jaw" else outline[8] * 0.9 + outline[[0, 16]].mean(0) * 0.1
    assert changed[int(y), int(x)]
    assert changed.mean() < 0.35


@pytest.mark.parametrize("wrong", ["blur", "blur:0", "blur:6", "fog:1", "occlude_ear:2"])
def test_unknown_corruptions_are_refused(wrong):
    with pytest.raises(FaceLLMError, match="expected <kind>:<1-5>"):
        parse(wrong)
