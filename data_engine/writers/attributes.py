"""The words for visible attributes: which aspect of a face they belong to and how they are said.

Names follow CelebA in lower case with underscores, which most attribute sets can be mapped to.
"""

from typing import NamedTuple


class Attribute(NamedTuple):
    """One visible attribute."""

    aspect: str
    """`structure`, `skin_and_hair` or `worn`."""
    phrase: str
    """A noun phrase that fits after "The face has" or, for what is worn, "The person wears"."""


def _all(aspect: str, **phrases: str) -> dict[str, Attribute]:
    return {name: Attribute(aspect, phrase) for name, phrase in phrases.items()}


ATTRIBUTES: dict[str, Attribute] = {
    **_all(
        "structure",
        oval_face="an oval face", high_cheekbones="high cheekbones", pointy_nose="a pointy nose",
        big_nose="a big nose", big_lips="big lips", double_chin="a double chin",
        chubby="chubby cheeks", bushy_eyebrows="bushy eyebrows",
        bags_under_eyes="bags under the eyes",
    ),
    **_all(
        "skin_and_hair",
        pale_skin="pale skin", rosy_cheeks="rosy cheeks", freckles="freckles", wrinkles="wrinkles",
        heavy_makeup="heavy makeup", makeup="makeup", bald="a bald head", bangs="bangs",
        black_hair="black hair", blond_hair="blond hair", brown_hair="brown hair",
        gray_hair="gray hair", straight_hair="straight hair", wavy_hair="wavy hair",
        receding_hairline="a receding hairline", beard="a beard", goatee="a goatee",
        mustache="a moustache", sideburns="sideburns", **{"5_o_clock_shadow": "a 5 o'clock shadow"},
    ),
    **_all(
        "worn",
        eyeglasses="eyeglasses", glasses="glasses", sunglasses="sunglasses", wearing_hat="a hat",
        hat="a hat", mask="a mask", face_mask="a face mask", wearing_earrings="earrings",
        earrings="earrings", wearing_lipstick="lipstick", wearing_necklace="a necklace",
        wearing_necktie="a necktie", headscarf="a headscarf",
    ),
}  # fmt: skip
"""Attribute name → words. Left out on purpose: age and gender, judgements such as "attractive",
and what action units say better, such as "smiling" and "arched eyebrows". Names that are
not here are not talked about."""


def attribute(name: str) -> Attribute | None:
    """What is said of an attribute, however its source spells it: `Pale_Skin`, `pale skin`."""
    return ATTRIBUTES.get(name.lower().replace(" ", "_"))
