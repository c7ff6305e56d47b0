"""What the generic sources share: a name and a licence given in the recipe, and label words."""

from abc import ABC
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from data_engine.sources.base import Source
from facellm.core.emotions import emotion
from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels, Provenance
from facellm.core.splits import Split

SPLIT_WORDS: dict[str, Split] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip

Word = Annotated[str, Field(coerce_numbers_to_str=True)]
"""A label word; class numbers may be written as numbers in a recipe."""


class Generic(Source, ABC):
    """A data set that no file of ours knows: the recipe says what it is called and may be used for.

    Two sets read by the same kind of source stay apart by their `dataset`: it is in the
    provenance and in front of every subject's id.
    """

    dataset: str | None = None
    """Name of the data set; None takes the name of its folder or file."""
    licence: str = "not stated"  # type: ignore[misc]  # here the recipe knows it, not the class
    """Terms of the data set, for the provenance of every item."""
    consented: str = "not stated"
    """What is known of the shown people's consent, for the provenance."""

    @property
    def called(self) -> str:
        """The name of the data set."""
        return self.dataset or self.path.resolve().stem

    def provenance(self, subject: str) -> Provenance:
        """As of every source, with the data set's own name instead of the kind of source."""
        person = f"{self.called}-{subject.removeprefix(f'{self.name}-')}"
        return Provenance(
            source=self.called, licence=self.licence, subject_id=person, consent=self.consented
        )


class Labelled(Generic, ABC):
    """A generic set whose items carry one word: an emotion, or an expression of the set's own."""

    label_as: Literal["emotion", "expression"] = "emotion"
    """Where the word goes: one of the eight emotions, or the field `expression` as it stands."""
    aliases: Mapping[Word, str | None] = {}
    """Words of the set → an emotion word, or null where the word says nothing (an item so labelled
    stays, unlabelled). Words that are common names of emotions need no entry."""

    def word_labels(self, word: str, where: str) -> FaceLabels:
        """The labels that a word stands for; an empty word is no label.

        Args:
            word: as in the set.
            where: `file:line`, or the folder, for the error.

        Raises:
            FaceLLMError: a word that names none of the eight emotions.
        """
        meant = self.aliases.get(word, word)
        if not meant:
            return FaceLabels()
        if self.label_as == "expression":
            return FaceLabels(expression=meant)
        try:
            return FaceLabels(emotion=emotion(meant))
        except FaceLLMError as error:
            raise FaceLLMError(
                f"{where}: {error}; `aliases` can map the set's own words, "
                "`label_as: expression` keeps them"
            ) from None


def split_word(word: str, where: str) -> Split | None:
    """The split a word stands for; None for an empty one, which leaves it to the subject.

    Raises:
        FaceLLMError: a word that is none of the usual names.
    """
    if not word:
        return None
    try:
        return SPLIT_WORDS[word.lower()]
    except KeyError:
        raise FaceLLMError(
            f"{where}: {word!r} is no split; expected one of {', '.join(SPLIT_WORDS)}"
        ) from None
