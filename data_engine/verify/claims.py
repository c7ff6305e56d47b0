"""What a text claims about a face, what is wrong with it, and how strict the verification is."""

from typing import Literal, NamedTuple

from pydantic import Field

from facellm.core.sample import Record

Kind = Literal["unit", "emotion", "region", "rest"]


class Claim(NamedTuple):
    """One checkable thing that a text says."""

    kind: Kind
    """`rest` denies every unit stronger than `high`; `region` is a citation in a region where its
    unit does not act."""
    units: tuple[int, ...] = ()
    """FACS numbers; more than one are alternatives, as ordinary words leave them open."""
    emotions: tuple[str, ...] = ()
    """Emotion nouns; more than one are alternatives."""
    denied: bool = False
    low: int = 0
    """Weakest intensity step (1-5) the words allow; 0 where they name none."""
    high: int = 0
    side: str | None = None
    """`left`, `right` or `one` (unsaid which); None where both sides act."""


class Problem(NamedTuple):
    """One reason not to trust a text."""

    kind: str
    """Machine-readable, such as `wrong_unit:AU12`, `negation:AU6` or `forbidden:identity`."""
    detail: str
    """For the teacher who has to mend it and for a person: one sentence."""


class Verdict(NamedTuple):
    """What the verification of a text found."""

    problems: tuple[Problem, ...]
    claims: tuple[Claim, ...] = ()
    """All that was read, to compare texts by."""

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the text."""
        return not self.problems


class Policy(Record):
    """How strict the verification is."""

    tolerance: int = Field(default=1, ge=0, le=4)
    """Intensity steps (of 0-5) by which a text may differ from the label."""
    unlabelled: Literal["reject", "allow"] = "reject"
    """What becomes of a text that states something no label speaks about."""
    one_sided: Literal["reject", "allow"] = "reject"
    """What becomes of a unit said to act on one side; labels rate the face as a whole."""
    hedges: bool = True
    """Whether "I think", "as an AI" and their like are problems."""
    age_tolerance: float = Field(default=8.0, ge=0)
    """Years by which a stated age may differ from the label."""
    min_claims: int = Field(default=1, ge=0)
    """Checkable statements under which a text that is no refusal counts as unrelated."""
