"""The words of the prose register: how a sentence says that an action unit is seen.

For each unit some clauses (subject and verb) and some noun phrases. Each names a region in which
the unit acts, so that a reader of the sentence finds the region that the writer meant.
"""

from typing import NamedTuple


class Wording(NamedTuple):
    """Ways to say that one unit is seen."""

    clauses: tuple[str, ...]
    phrases: tuple[str, ...]
    """Noun phrases, with `a` in front where grammar wants it; none starts with `no`."""


CLAUSES: dict[int, Wording] = {
    1: Wording(
        ("the inner corners of the brows are raised", "the inner brows are lifted"),
        ("raised inner brow corners", "lifted inner brows"),
    ),
    2: Wording(
        ("the outer ends of the brows are raised", "the outer brows are lifted"),
        ("raised outer brows", "brows lifted at their outer ends"),
    ),
    4: Wording(
        ("the brows are lowered and drawn together", "the brows are knitted"),
        ("lowered brows", "brows drawn together"),
    ),
    5: Wording(
        ("the upper lids are raised", "the eyes are opened wide"),
        ("raised upper lids", "widened eyes"),
    ),
    6: Wording(
        ("the cheeks are raised", "the cheeks are pushed up"),
        ("raised cheeks", "lifted cheeks"),
    ),
    7: Wording(
        ("the eyelids are tightened", "the lids are tense"),
        ("tightened eyelids", "narrowed eyes"),
    ),
    9: Wording(
        ("the nose is wrinkled", "the nose is scrunched up"),
        ("a wrinkled nose", "wrinkles along the nose"),
    ),
    10: Wording(
        ("the upper lip is raised", "the upper lip is drawn up"),
        ("a raised upper lip", "an upper lip drawn up"),
    ),
    11: Wording(
        ("the nasolabial folds are deepened", "the nasolabial folds are deep"),
        ("deepened nasolabial folds", "deep nasolabial folds"),
    ),
    12: Wording(
        ("the lip corners are pulled up", "the corners of the mouth are drawn up"),
        ("raised lip corners", "upturned corners of the mouth"),
    ),
    13: Wording(
        ("the lip corners are pulled sharply up", "the corners of the mouth are sharply raised"),
        ("sharply raised lip corners", "lip corners pulled sharply up"),
    ),
    14: Wording(
        ("the lip corners are tightened inwards", "the corners of the mouth are dimpled"),
        ("dimpled lip corners", "tightened corners of the mouth"),
    ),
    15: Wording(
        ("the lip corners are pulled down", "the corners of the mouth are turned down"),
        ("lowered lip corners", "downturned corners of the mouth"),
    ),
    16: Wording(
        ("the lower lip is pulled down", "the lower lip is drawn down"),
        ("a lowered lower lip", "a lower lip pulled down"),
    ),
    17: Wording(
        ("the chin is pushed up", "the chin boss is raised"),
        ("a raised chin boss", "a chin pushed up"),
    ),
    18: Wording(
        ("the lips are puckered", "the mouth is puckered"),
        ("puckered lips", "a puckered mouth"),
    ),
    20: Wording(
        ("the lips are stretched sideways", "the mouth is stretched sideways"),
        ("stretched lips", "a mouth stretched sideways"),
    ),
    22: Wording(
        ("the lips are funnelled", "the lips are pushed out like a funnel"),
        ("funnelled lips", "a funnelled mouth"),
    ),
    23: Wording(
        ("the lips are tightened", "the lips are narrow and tight"),
        ("tightened lips", "tight lips"),
    ),
    24: Wording(
        ("the lips are pressed together", "the lips are pressed tight"),
        ("pressed lips", "lips pressed together"),
    ),
    25: Wording(
        ("the lips are parted", "the lips are apart"),
        ("parted lips", "lips held apart"),
    ),
    26: Wording(
        ("the jaw is dropped", "the jaw hangs open"),
        ("a dropped jaw", "a jaw hanging open"),
    ),
    27: Wording(
        ("the jaw is stretched wide open", "the jaw is opened very wide"),
        ("a jaw stretched wide open", "a widely opened jaw"),
    ),
    28: Wording(
        ("the lips are sucked in", "the lips are rolled inwards"),
        ("sucked-in lips", "lips rolled inwards"),
    ),
    29: Wording(
        ("the jaw is pushed forward", "the jaw is thrust forward"),
        ("a jaw pushed forward", "a thrust jaw"),
    ),
    30: Wording(
        ("the jaw is moved sideways", "the jaw is pushed to one side"),
        ("a jaw moved sideways", "a jaw pushed sideways"),
    ),
    43: Wording(
        ("the eyes are closed", "the eyes are shut"),
        ("closed eyes", "shut eyes"),
    ),
    45: Wording(
        ("the eyes are blinking", "the lids are caught in a blink"),
        ("blinking eyes", "lids caught in a blink"),
    ),
}
"""`lids` and `lips` are read as the eyes and the mouth."""

REGION_WORDS: dict[str, str] = {
    "brow": "brows", "brows": "brows", "eyebrow": "brows", "eyebrows": "brows",
    "eye": "eyes", "eyes": "eyes", "lid": "eyes", "lids": "eyes",
    "eyelid": "eyes", "eyelids": "eyes",
    "cheek": "cheeks", "cheeks": "cheeks",
    "nasolabial fold": "nasolabial_folds", "nasolabial folds": "nasolabial_folds",
    "lip": "mouth", "lips": "mouth", "mouth": "mouth", "inner mouth": "inner_mouth",
    "nose": "nose", "chin": "chin", "jaw": "jaw", "forehead": "forehead", "glabella": "glabella",
    "left brow": "left_brow", "right brow": "right_brow",
    "left eyebrow": "left_brow", "right eyebrow": "right_brow",
    "left eye": "left_eye", "right eye": "right_eye",
    "left cheek": "left_cheek", "right cheek": "right_cheek",
    "left nasolabial fold": "left_nasolabial", "right nasolabial fold": "right_nasolabial",
}  # fmt: skip
"""Words for regions in sentences, read as whole words, longest first."""

ADJECTIVES: dict[str, tuple[str, ...]] = {
    "anger": ("angry",),
    "disgust": ("disgusted",),
    "fear": ("fearful", "afraid", "scared"),
    "happiness": ("happy", "joyful"),
    "sadness": ("sad", "unhappy"),
    "surprise": ("surprised", "astonished"),
    "neutral": ("neutral", "calm"),
    "contempt": ("contemptuous",),
}
"""Emotion noun → adjectives that fit after `looks`; all of them are aliases of the noun."""
