"""What a reader states about a face: action units in regions, units that are absent, a conclusion.

Both registers of the answer grammar (`grammar` for tags, `prose` for sentences) render and read
these records, so a statement means the same however it was written.
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Literal

from pydantic import Field, field_validator, model_validator

from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY, unit
from facellm.core.regions import readable
from facellm.core.sample import Record

Side = Literal["left", "right"]
SIDES: tuple[Side, ...] = ("left", "right")

PAIRS: dict[str, tuple[str, str]] = {
    "brows": ("right_brow", "left_brow"),
    "eyes": ("right_eye", "left_eye"),
    "cheeks": ("right_cheek", "left_cheek"),
    "nasolabial_folds": ("right_nasolabial", "left_nasolabial"),
}
"""Names for both sides at once, for units that act on both."""

FACE_ORDER = (
    "forehead", "brows", "right_brow", "left_brow", "glabella", "eyes", "right_eye", "left_eye",
    "nose", "cheeks", "right_cheek", "left_cheek", "nasolabial_folds", "right_nasolabial",
    "left_nasolabial", "mouth", "inner_mouth", "chin", "jaw",
)  # fmt: skip
"""The fifteen regions and the four pairs from top to bottom: the order of writing."""

_FROM_TOP = {region: place for place, region in enumerate(FACE_ORDER)}

FORBIDDEN_IN_TEXT = frozenset(";()<>\r\n")
"""Characters the grammar itself uses between and around statements."""


def region_members(region: str) -> tuple[str, ...]:
    """The face regions that a region or a pair of regions covers."""
    return PAIRS.get(region, (region,))


@cache
def line_region(action_unit: int) -> str:
    """The one region or pair under which a unit is written, such as `brows` for AU1.

    Raises:
        FaceLLMError: an unknown unit.
    """
    regions = unit(action_unit).regions
    for pair, sides in PAIRS.items():
        if regions[0] in sides and set(sides) <= set(regions):
            return pair
    return regions[0]


def region_name(region: str) -> str:
    """A region or pair as people write it: `nasolabial_folds` → `nasolabial folds`."""
    name = readable(region)
    return f"{name} fold" if region in PAIRS["nasolabial_folds"] else name


@cache
def units_acting_in(region: str) -> tuple[int, ...]:
    """All units of the table that act in a region or in either half of a pair."""
    members = set(region_members(region))
    return tuple(n for n, au in ACTION_UNITS.items() if members & set(au.regions))


class Statement(Record):
    """One thing seen on the face, with the action unit it is evidence of."""

    region: str
    """A face region or a pair name of `PAIRS`."""
    text: str
    """What is seen, as a clause; free of the characters of `FORBIDDEN_IN_TEXT`."""
    action_unit: int
    """FACS number."""
    intensity: float | None = Field(default=None, gt=0, le=MAX_INTENSITY)
    """In (0, 5]; None where the writer named none. Rendered as a word, so read back as 1-5."""
    side: Side | None = None
    """The subject's side; always set for a one-sided region, None where both sides act."""

    @model_validator(mode="before")
    @classmethod
    def _side_of_region(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("side") is None:
            side = str(data.get("region", "")).partition("_")[0]
            if side in SIDES:
                return {**data, "side": side}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> "Statement":
        if self.region not in FACE_ORDER:
            raise ValueError(f"region {self.region!r} is neither a face region nor a pair")
        if self.action_unit not in ACTION_UNITS:
            raise ValueError(f"AU{self.action_unit} is not an action unit of the table")
        side = self.region.partition("_")[0]
        if side in SIDES and side != self.side:
            raise ValueError(f"region {self.region!r} contradicts side {self.side!r}")
        bad = FORBIDDEN_IN_TEXT & set(self.text)
        if bad or not self.text or self.text != self.text.strip():
            raise ValueError(f"text {self.text!r} is empty, padded or holds one of ; ( ) < >")
        return self


@lru_cache(4096)
def state(action_unit: int, intensity: float | None = None) -> Statement:
    """The standard statement about a unit: its own region and phrase.

    Raises:
        FaceLLMError: an unknown unit.
    """
    au = unit(action_unit)
    return Statement(
        region=line_region(action_unit),
        text=au.phrase,
        action_unit=action_unit,
        intensity=intensity,
    )


def region_fits(statement: Statement) -> bool:
    """Whether the unit acts in the region the statement names."""
    return _acts_in(statement.action_unit, statement.region)


@cache
def _acts_in(action_unit: int, region: str) -> bool:
    return not set(unit(action_unit).regions).isdisjoint(region_members(region))


def _place(statement: Statement) -> tuple[int, int, str]:
    return _FROM_TOP[statement.region], statement.action_unit, statement.side or ""


class Thought(Record):
    """All that is said before the answer; statements and absent units are kept in fixed order."""

    statements: tuple[Statement, ...] = ()
    absent: tuple[int, ...] = ()
    """FACS numbers of units said not to act."""
    conclusion: str = ""
    """One line without `:`, `<` or `>`, such as `AU6 + AU12 together indicate happiness.`"""

    @classmethod
    def of_face(
        cls, statements: Iterable[Statement], absent: Iterable[int], conclusion: str
    ) -> "Thought":
        """The thought of values that are valid, put in order and not checked again.

        Args:
            statements: of `state`, each about another unit.
            absent: units of the table that no statement is about.
            conclusion: as `conclude` writes it.
        """
        return cls.trusted(
            statements=tuple(sorted(statements, key=_place)),
            absent=tuple(sorted(set(absent))),
            conclusion=conclusion,
        )

    @field_validator("statements")
    @classmethod
    def _face_order(cls, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
        keys = [(s.region, s.action_unit, s.side) for s in statements]
        if len(set(keys)) < len(keys):
            raise ValueError("the same unit is stated twice in one region")
        return tuple(sorted(statements, key=_place))

    @field_validator("absent")
    @classmethod
    def _ascending(cls, absent: tuple[int, ...]) -> tuple[int, ...]:
        unknown = [n for n in absent if n not in ACTION_UNITS]
        if unknown:
            raise ValueError(f"AU{unknown[0]} is not an action unit of the table")
        return tuple(sorted(set(absent)))

    @model_validator(mode="after")
    def _consistent(self) -> "Thought":
        both = set(self.absent) & set(self.units)
        if both:
            raise ValueError(f"AU{min(both)} is stated and said to be absent")
        if set(":<>\r\n") & set(self.conclusion) or self.conclusion != self.conclusion.strip():
            raise ValueError("the conclusion is padded, spans lines or holds one of : < >")
        return self

    @property
    def units(self) -> dict[int, float | None]:
        """Stated unit → its strongest stated intensity, None where no word was given."""
        units: dict[int, float | None] = {}
        for s in self.statements:
            known = units.get(s.action_unit)
            units[s.action_unit] = s.intensity if known is None else max(known, s.intensity or 0.0)
        return dict(sorted(units.items()))


def conclude(units: Sequence[int], emotion: str | None) -> str:
    """The closing line: which units indicate the emotion; None for an emotion says they do not."""
    codes = " + ".join(f"AU{n}" for n in sorted(units))
    many = len(units) > 1
    if emotion is None or emotion == "neutral":
        if not units:
            return "No action unit is strong enough to indicate an emotion."
        return f"{codes} {'do' if many else 'does'} not indicate an emotion."
    if not units:
        return f"The face as a whole reads as {emotion}."
    return f"{codes} {'together indicate' if many else 'indicates'} {emotion}."


def strongest(units: dict[int, float], limit: int, at_least: float) -> dict[int, float]:
    """Up to `limit` units of at least the given intensity (0-5), the strongest, in AU order."""
    chosen = [n for n, value in units.items() if value >= at_least]
    if len(chosen) > limit:
        chosen = sorted(chosen, key=lambda n: (-units[n], n))[:limit]
    return {n: units[n] for n in sorted(chosen)}
