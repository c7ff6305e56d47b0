"""Clips are read frame by frame, upright, and a broken one says how."""

import numpy as np
import pytest
from step_items import write_video

from facellm.core.errors import FaceLLMError
from facellm.faces.video import frames

pytest.importorskip("av", reason="PyAV is not installed")


def grey(level, size=(48, 64)):
    return np.full((*size, 3), level, np.uint8)


@pytest.fixture
def ramp(tmp_path):
    """Twenty frames at ten a second, each lighter by ten levels."""
    return write_video(tmp_path / "ramp.mp4", [grey(20 + 10 * n) for n in range(20)])


def test_all_frames_with_their_times(ramp):
    moments = list(frames(ramp))
    assert [m.number for m in moments] == list(range(20))
    assert [m.time for m in moments] == pytest.approx([n / 10 for n in range(20)])
    assert all(m.image.shape == (48, 64, 3) and m.image.dtype == np.uint8 for m in moments)
    levels = [float(m.image.mean()) for m in moments]
    assert levels == pytest.approx([20 + 10 * n for n in range(20)], abs=4)


def test_some_frames_only(ramp):
    assert [m.number for m in frames(ramp, every=0.5)] == [0, 5, 10, 15]
    assert [m.number for m in frames(ramp, only={3, 7})] == [3, 7]
    assert list(frames(ramp, only=())) == []


def test_decoding_is_lazy(ramp):
    reading = frames(ramp)
    assert next(reading).number == 0
    reading.close()


def test_a_clip_filmed_sideways_is_turned(tmp_path):
    image = grey(40)
    image[:, :20] = 220  # light at the left
    path = write_video(tmp_path / "side.mp4", [image] * 4)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the 3 × 3 matrix after 40 bytes
    one = 1 << 16
    # A quarter turn clockwise, as phones write it: what lies left comes to lie above.
    matrix = (0, one, 0, -one, 0, 0, 48 * one, 0, 1 << 30)
    data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in matrix)
    path.write_bytes(bytes(data))
    turned = next(frames(path)).image
    assert turned.shape == (64, 48, 3)
    assert turned[:16].mean() > 180 > 80 > turned[32:].mean()


def test_bad_clips_say_what_is_wrong(tmp_path, ramp):
    data = ramp.read_bytes()
    cases = {
        "empty.mp4": (b"", "empty"),
        "text.mp4": (b"hello" * 100, "not readable as a video"),
        "head.mp4": (data[:600], "not readable|damaged|no frames|cut off"),
        "half.mp4": (data[: len(data) * 2 // 3], "cut off|damaged"),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FaceLLMError, match=message) as caught:
            list(frames(tmp_path / name))
        assert str(tmp_path) not in str(caught.value), "no folder of this machine in messages"
    with pytest.raises(FaceLLMError, match="no such video"):
        list(frames(tmp_path / "none.mp4"))


def test_sound_without_pictures_is_no_video(tmp_path):
    import av

    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(FaceLLMError, match="no video stream"):
        list(frames(path))
