"""Requests and the word tree that turns next-token looks into probabilities."""

import math

import numpy as np
import pytest
from PIL import Image

from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.core.sample import Face
from facellm.prompts import Request, WordTree, face_at, landmarks_of, largest


class Characters:
    """A tokenizer with one token a character."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return [ord(letter) for letter in text]


def faces(*boxes: tuple[float, float, float, float]) -> list[Face]:
    return [Face(box=box, points=[(1.0, 2.0)] * 68) for box in boxes]


def test_one_look_where_first_tokens_differ() -> None:
    tree = WordTree(Characters(), "x=", ("ab", "cd"), ".")
    [branch] = tree.branches
    assert branch.prefill == (ord("x"), ord("="))
    # ln 3 and ln 1 → 3/4 and 1/4, whatever the rest of the vocabulary took.
    looks = [{ord("a"): math.log(3) - 9, ord("c"): math.log(1) - 9}]
    assert tree.probabilities(looks) == pytest.approx({"ab": 0.75, "cd": 0.25})


def test_shared_first_token_branches_again() -> None:
    tree = WordTree(Characters(), "", ("sad", "sur", "joy"), "")
    first, second = tree.branches
    assert first.groups == {ord("s"): ("sad", "sur"), ord("j"): ("joy",)}
    assert second.prefill == (ord("s"),)
    looks = [
        {ord("s"): math.log(0.6), ord("j"): math.log(0.4)},
        {ord("a"): math.log(0.1), ord("u"): math.log(0.3)},
    ]
    # s: 0.6, of which a gets 0.1 / 0.4 = 1/4.
    expected = {"sad": 0.15, "sur": 0.45, "joy": 0.4}
    assert tree.probabilities(looks) == pytest.approx(expected)


def test_a_word_that_begins_another_is_told_by_what_follows() -> None:
    tree = WordTree(Characters(), "", ("happy", "happyish"), '"')
    [branch] = tree.branches
    assert branch.prefill == tuple(map(ord, "happy"))
    assert set(branch.groups) == {ord('"'), ord("i")}


def test_words_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(FaceLLMError, match="apart"):
        WordTree(Characters(), "", ("one", "one two"), "")


def test_emotions_sum_to_one_even_far_from_likely() -> None:
    tree = WordTree(Characters(), '{"', EMOTIONS, '"}')
    looks = [
        {token: -2000.0 - 3 * i for i, token in enumerate(branch.groups)}
        for branch in tree.branches
    ]
    probabilities = tree.probabilities(looks)
    assert set(probabilities) == set(EMOTIONS)
    assert sum(probabilities.values()) == pytest.approx(1.0)


def test_request_is_a_chat_with_one_picture() -> None:
    request = Request(Image.new("RGB", (4, 4)), landmarks_of([]), "Why?")
    [message] = request.messages
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == ["image", "text"]
    assert request.landmarks.shape == (0, 68, 2)


def test_landmarks_are_float32_faces_by_points() -> None:
    array = landmarks_of(faces((0, 0, 1, 1), (2, 2, 3, 3)))
    assert array.shape == (2, 68, 2)
    assert array.dtype == np.float32


def test_largest_keeps_left_to_right() -> None:
    small, big, middle = faces((0, 0, 1, 1), (5, 0, 9, 9), (20, 0, 24, 3))
    assert largest([small, big, middle], 2) == [big, middle]
    assert largest([small, big], 9) == [small, big]


@pytest.mark.parametrize(
    ("count", "number", "said"),
    [(3, 4, "no face 4: 3 faces were"), (1, 2, "1 face was"), (0, 1, "no face was found")],
)
def test_missing_face_says_how_many_there_are(count: int, number: int, said: str) -> None:
    with pytest.raises(FaceLLMError, match=said):
        face_at(faces(*[(i, 0, i + 1, 1) for i in range(count)]), number)
