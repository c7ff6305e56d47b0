"""The action units that a completion states, and those that its row's labels ask for."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from facellm.core.errors import FaceLLMError
from facellm.core.evidence import Thought
from facellm.core.facs import PROTOCOLS
from facellm.core.grammar import ParseFailure
from facellm.core.read_prose import parse_prose
from facellm.core.recipe import no_option
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.caption import CaptionAnswer
from facellm.tasks.reasoning import ReasoningAnswer
from rl.rewards.truth import Known, fails, parsed

Place = Literal["evidence", "answer", "both"]
"""Where units are stated: before the answer (`reasoning`) and in prose (`caption`), or in the
answer itself (`action_units`)."""


class Stated(NamedTuple):
    """Units a completion claims and units it calls absent."""

    units: dict[int, float | None]
    """Unit → stated intensity 0-5, None where no word was given."""
    absent: frozenset[int]


class Asked(NamedTuple):
    """What the labels say about the units of a protocol."""

    wanted: dict[int, float]
    """Unit → whole intensity: the units the gold answer states."""
    counted: frozenset[int]
    """The protocol's units that are labelled, without those too weak to be asked for and too
    clear to be wrong; others are unscored."""


def evidence(row: Known, text: str) -> Thought | None:
    """The evidence of a completion: None where it cannot be read, or is no answer.

    A readable answer without evidence gives an empty thought. For tasks without evidence, see
    `has_evidence`.
    """
    answer = parsed(row.truth.task, text)
    if fails(answer):
        return None
    if isinstance(answer, ReasoningAnswer):
        return answer.thought or Thought()
    thought = parse_prose(answer.text or "") if isinstance(answer, CaptionAnswer) else Thought()
    return None if isinstance(thought, ParseFailure) else thought


def has_evidence(row: Known) -> bool:
    """Whether the row's task states evidence and its labels can judge it."""
    judged = isinstance(row.gold, ReasoningAnswer | CaptionAnswer)
    return judged and row.truth.labels.action_units is not None


def evidence_share(row: Known, text: str, share: Callable[[Thought], float]) -> float:
    """What a completion's evidence is worth: its `share`, called where it states something.

    What cannot be read gets 0; silence 1 where the gold answer states nothing either, else 0.
    """
    thought = evidence(row, text)
    if thought is None:
        return 0.0
    if thought.statements:
        return share(thought)
    gold = evidence(row, row.exchange.text)
    return float(gold is not None and not gold.statements)


def stated(row: Known, text: str) -> Stated | None:
    """The units of a completion, wherever its task states them; None where nothing can be read."""
    answer = parsed(row.truth.task, text)
    if isinstance(answer, ActionUnitsAnswer):
        units: dict[int, float | None] = {n: v for n, v in answer.units.items() if v > 0}
        return Stated(units, frozenset(answer.units.keys() - units.keys()))
    thought = evidence(row, text)
    return None if thought is None else Stated(thought.units, frozenset(thought.absent))


def asked(row: Known, protocol: str, over: Place) -> Asked | None:
    """What a row asks for under a protocol; None where its task or labels do not tell.

    Raises:
        FaceLLMError: a protocol that `facellm.core.facs` does not name.
    """
    if protocol not in PROTOCOLS:
        raise FaceLLMError(f"protocol: {no_option(protocol, PROTOCOLS)}")
    wanted = _wanted(row.gold, over)
    labelled = row.truth.labels.action_units
    if wanted is None or labelled is None:
        return None
    units = PROTOCOLS[protocol].units
    optional = set(getattr(row.gold, "optional", ()))
    counted = frozenset(n for n in units if n in labelled and (n in wanted or n not in optional))
    if not counted:
        return None
    return Asked({n: value for n, value in wanted.items() if n in counted}, counted)


def _wanted(gold: Any, over: Place) -> dict[int, float] | None:
    if isinstance(gold, ActionUnitsAnswer):
        return dict(gold.units) if over != "evidence" else None
    if over == "answer":
        return None
    if isinstance(gold, ReasoningAnswer) and gold.thought is not None:
        return {n: value or 0.0 for n, value in gold.thought.units.items()}
    if isinstance(gold, CaptionAnswer) and gold.units is not None:
        return {n: value or 0.0 for n, value in gold.units.items()}
    return None
