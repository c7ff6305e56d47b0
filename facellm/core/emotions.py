"""Emotion names, their aliases, the label orders of the datasets and the prototype action units.

Labels are mapped by name, never by index: every dataset numbers them differently.
Prototypes after EMFACS (Friesen & Ekman, 1983); they describe how people usually read a face,
they are not a dictionary from muscles to feelings.
"""

import re

from facellm.core.errors import FaceLLMError, given

EMOTIONS = (
    "anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt",
)  # fmt: skip

ALIASES: dict[str, str] = {
    "angry": "anger", "anger": "anger", "ang": "anger", "mad": "anger", "furious": "anger",
    "disgusted": "disgust", "disgust": "disgust", "dis": "disgust",
    "fearful": "fear", "afraid": "fear", "scared": "fear", "fear": "fear", "fea": "fear",
    "happy": "happiness", "joy": "happiness", "joyful": "happiness", "happiness": "happiness",
    "hap": "happiness", "smiling": "happiness",
    "sad": "sadness", "sadness": "sadness", "unhappy": "sadness",
    "surprised": "surprise", "surprise": "surprise", "sur": "surprise", "astonished": "surprise",
    "neutral": "neutral", "neu": "neutral", "calm": "neutral", "expressionless": "neutral",
    "contemptuous": "contempt", "contempt": "contempt", "con": "contempt",
}  # fmt: skip

PROTOTYPES: dict[str, tuple[int, ...]] = {
    "happiness": (6, 12),
    "sadness": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
    "fear": (1, 2, 4, 5, 20, 26),
    "anger": (4, 5, 7, 23),
    "disgust": (9, 15),
    "contempt": (12, 14),
    "neutral": (),
}
"""Core units of each emotion; contempt's act on one side of the face only."""

VARIANTS: dict[str, dict[int, tuple[int, ...]]] = {
    "surprise": {26: (27,)},
    "anger": {23: (24,)},
    "disgust": {9: (10,), 15: (16, 17)},
}
"""Units that commonly stand in for a core unit of a prototype."""

OFTEN_WITH: dict[str, tuple[int, ...]] = {
    "happiness": (25, 26),
    "sadness": (17, 6, 11),
    "surprise": (25,),
    "fear": (7, 25),
    "anger": (10, 17, 25),
    "disgust": (4, 6, 25),
}

LABEL_ORDERS: dict[str, dict[int, str]] = {
    "fer2013": dict(enumerate(
        ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"))),
    "ferplus": dict(enumerate(
        ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"))),
    "raf-db": dict(enumerate(
        ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"), 1)),
    "affectnet": dict(enumerate(
        ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"))),
    "dfew": dict(enumerate(
        ("happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear"), 1)),
    "mafw": dict(enumerate(
        ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", "contempt"))),
}  # fmt: skip
"""Index → emotion; indices a set uses for anything but one of the eight emotions are left out."""

COMPOUND_ORDERS: dict[str, dict[int, str]] = {
    "raf-db": dict(enumerate(
        ("happily surprised", "happily disgusted", "sadly fearful", "sadly angry",
         "sadly surprised", "sadly disgusted", "fearfully angry", "fearfully surprised",
         "angrily surprised", "angrily disgusted", "disgustedly surprised"), 1)),
}  # fmt: skip
"""Index → the set's own name of a compound expression."""

COMPOUNDS = tuple(COMPOUND_ORDERS["raf-db"].values())
"""The eleven compound expressions of RAF-DB (Li & Deng, 2019; after Du et al., 2014)."""

EMONET40 = (
    "amusement", "elation", "pleasure/ecstasy", "contentment", "thankfulness/gratitude",
    "affection", "infatuation", "hope/enthusiasm/optimism", "triumph", "pride", "interest", "awe",
    "astonishment/surprise", "concentration", "contemplation", "relief", "longing", "teasing",
    "impatience and irritability", "sexual lust", "doubt", "fear", "distress", "confusion",
    "embarrassment", "shame", "disappointment", "sadness", "bitterness", "contempt", "disgust",
    "anger", "malevolence/malice", "sourness", "pain", "helplessness", "fatigue/exhaustion",
    "emotional numbness", "intoxication/altered states of consciousness", "jealousy & envy",
)  # fmt: skip
"""The forty categories of EmoNet-Face (Schuhmann et al., NeurIPS 2025; LAION, CC BY 4.0), in their
order and in lower case, as its samples state them in `FaceLabels.expression`."""

EMONET_ADJECTIVES: dict[str, str] = {
    "amused": "amusement", "elated": "elation", "ecstatic": "pleasure/ecstasy",
    "pleased": "pleasure/ecstasy", "contented": "contentment",
    "grateful": "thankfulness/gratitude", "thankful": "thankfulness/gratitude",
    "affectionate": "affection", "infatuated": "infatuation",
    "hopeful": "hope/enthusiasm/optimism", "enthusiastic": "hope/enthusiasm/optimism",
    "optimistic": "hope/enthusiasm/optimism", "triumphant": "triumph", "proud": "pride",
    "interested": "interest", "awed": "awe", "awestruck": "awe",
    "astonished": "astonishment/surprise", "surprised": "astonishment/surprise",
    "concentrated": "concentration", "contemplative": "contemplation", "relieved": "relief",
    "impatient": "impatience and irritability", "irritable": "impatience and irritability",
    "lustful": "sexual lust", "doubtful": "doubt", "afraid": "fear", "fearful": "fear",
    "distressed": "distress", "confused": "confusion", "embarrassed": "embarrassment",
    "ashamed": "shame", "disappointed": "disappointment", "sad": "sadness",
    "bitter": "bitterness",
    "contemptuous": "contempt", "disgusted": "disgust", "angry": "anger",
    "malevolent": "malevolence/malice", "malicious": "malevolence/malice",
    "helpless": "helplessness",
    "tired": "fatigue/exhaustion", "fatigued": "fatigue/exhaustion",
    "exhausted": "fatigue/exhaustion", "emotionally numb": "emotional numbness",
    "intoxicated": "intoxication/altered states of consciousness",
    "jealous": "jealousy & envy", "envious": "jealousy & envy",
}  # fmt: skip
"""Adjectives of the categories, each of one alone; words such as `happy`, which several share, are
left out."""

_JOINTS = re.compile(r"\s*(?:/|&|,|\band\b)\s*")


def emotion_words(label: str) -> tuple[str, ...]:
    """The words of a finer label in lower case: `pleasure/ecstasy` and `anger and fear` have two.

    Each word once, in order.
    """
    parts = (" ".join(part.split()) for part in _JOINTS.split(label.lower()))
    return tuple(dict.fromkeys(part for part in parts if part))


EMONET_WORDS: dict[str, str] = {
    **{word: name for name in EMONET40 for word in (name, *emotion_words(name))},
    **EMONET_ADJECTIVES,
}
"""Name, part of a name or adjective → category of EmoNet-Face."""


def emotion(name: str) -> str:
    """The canonical noun for an emotion word, case-insensitive and by whole word.

    Raises:
        FaceLLMError: a word that names none of the eight emotions.
    """
    try:
        return ALIASES[name.strip().lower()]
    except KeyError:
        raise FaceLLMError(
            f"{given(name)} is not an emotion; expected one of {', '.join(EMOTIONS)}"
        ) from None
