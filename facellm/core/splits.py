"""Which split a person belongs to: decided by the person's name alone, never by the set around."""

import hashlib
from typing import Literal

Split = Literal["train", "val", "test"]


def split_of(subject: str, val: float = 0.1, test: float = 0.1, salt: str = "") -> Split:
    """The split of everything that shows `subject`.

    Args:
        subject: the person's id; all pictures of a person land together.
        val, test: shares of the persons, the rest is for training.
        salt: another word gives another, independent split of the same persons.
    """
    digest = hashlib.sha256(f"{salt}/{subject}".encode()).hexdigest()
    place = int(digest[:12], 16) / 16**12
    if place < test:
        return "test"
    return "val" if place < test + val else "train"
