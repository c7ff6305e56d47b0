"""How people refer to a face when they ask about it."""

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple


class Who(NamedTuple):
    """A person in a question, with the forms that agree; the fields are slots of the templates."""

    who: str
    does: str
    is_: str
    looks: str
    whose: str
    face: str
    """Their face: `his face`, or `face 2` itself."""
    them: str
    """The object form: `him`."""


def _person(who: str, whose: str, them: str | None = None) -> Who:
    return Who(who, "does", "is", "looks", whose, f"{whose} face", them or who)


def _face(name: str) -> Who:
    return Who(name, "does", "is", "looks", f"{name.partition(' from ')[0]}'s", name, name)


# Drawn without regard to who is shown: a pronoun in a question must tell a model nothing.
PEOPLE = (
    _person("this person", "this person's"), _person("the person", "the person's"),
    _person("he", "his", "him"), _person("she", "her", "her"),
    _face("this face"), _face("the face"),
    _person("the man in the picture", "the man's"),
    _person("the woman in the picture", "the woman's"),
    _person("the person in the photo", "the person's"), _person("the subject", "the subject's"),
    Who("they", "do", "are", "look", "their", "their face", "them"),
)  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
NAMING = ("{who}", "{whose}", "{face}", "{them}")


def the_face(rng: random.Random, faces: int, face: int) -> str:
    """`face 2` among several faces; for a lone face mostly `this face`."""
    if faces > 1 or face > 1 or rng.random() < 0.25:
        return f"face {face}"
    return rng.choice(("this face", "the face"))


def person(rng: random.Random, faces: int, face: int) -> Who:
    """A way to name the face with this index from 1 that cannot mean another one."""
    if faces <= 1 and face == 1:
        return rng.choice(PEOPLE)
    names = [_face(f"face {face}"), _face(f"face {face}"), _face(f"face number {face}")]
    names.append(_person(f"person {face}", f"person {face}'s"))
    if 1 <= face <= min(faces, len(ORDINALS)):
        names.append(_face(f"the {ORDINALS[face - 1]} face from the left"))
    if faces > 1 and face in (1, faces):
        who = f"the person on the far {'left' if face == 1 else 'right'}"
        names.append(Who(who, "does", "is", "looks", f"{who}'s", f"the face of {who}", who))
    return rng.choice(names)


@lru_cache(1 << 8)  # `_asdict` takes a third of the time of asking
def _slots(who: Who) -> dict[str, str]:
    return who._asdict()


def ask(rng: random.Random, faces: int, face: int, templates: Sequence[str], **more: str) -> str:
    """Fill one of the templates and write it as people type: mostly, not always, capitalised.

    Among several faces only the templates that name one can be meant.
    """
    if faces > 1 or face > 1:
        templates = [t for t in templates if any(slot in t for slot in NAMING)]
    text = rng.choice(templates).format(**_slots(person(rng, faces, face)), **more)
    style = rng.random()
    if style < 0.6:
        return text[:1].upper() + text[1:]
    return text.rstrip("?.") if style < 0.75 else text
