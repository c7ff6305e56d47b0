"""The fairness section of a report, in sentences for a reader who has to decide."""

from collections.abc import Mapping, Sequence

from eval.fairness import FEW, Audit, excludes_zero
from facellm.core.statistics import Interval

LIMITS = f"""What this cannot tell. Group labels are the source's, not the people's own. Where faces
are not repeated, groups may differ in more than the label: other people, other pictures, other
expressions. Groups of fewer than {FEW} people are shown and not compared. Best and worst are picked
after the fact, and of twenty comparisons between equal groups one excludes zero by chance. No
clear difference is no proof of equality: look at how wide the interval is. A rendered face shows
what the model does with one property, not how people who have it are treated.
"""


def fairness_section(audits: Mapping[str, Sequence[Audit]]) -> str:
    """Markdown about the models of one benchmark; empty where nothing has a group label.

    It is about the score; the same for its parts is in `results.json`.
    """
    parts = []
    for model, every in audits.items():
        own = [one for one in every if one.measure == "score"]
        if own:
            parts.append(f"### Does `{model}` read some groups worse?\n")
            parts += [f"- {sentence(one)}" for one in own]
            parts += ["", _table(own)]
    return "\n".join([*parts, LIMITS]) if parts else ""


def sentence(audit: Audit) -> str:
    """What an audit says, in a few plain sentences."""
    said = [f"**{audit.label}**: {_compared(audit)}"]
    if audit.paired:
        said.append(_same_faces(audit))
    if audit.small:
        each = ", ".join(f"`{name}` ({_people(audit.groups[name])})" for name in audit.small)
        said.append(f"Too few people to compare: {each}.")
    return " ".join(said)


def _compared(audit: Audit) -> str:
    worst, best, difference = audit.worst, audit.best, audit.difference
    if worst is None or best is None or difference is None:
        return f"fewer than two groups of {FEW} people or more, so nothing is compared."
    by = f"{_points(difference.value)} {_bounds(difference)}"
    numbers = f"{_value(audit.groups[worst])} against {_value(audit.groups[best])}"
    people = f"{difference.subjects} people in these two groups"
    if difference.low is None:
        return f"`{worst}` scores {numbers} of `{best}`; {people} are too few for an interval."
    if not audit.clear:
        return (
            f"no clear difference. `{worst}` is lowest and `{best}` highest, {numbers}, "
            f"{by} apart; the interval includes zero ({people})."
        )
    ratio = audit.ratio.value if audit.ratio is not None else None
    share = "" if ratio is None else f", {ratio:.0%} of it"
    text = (
        f"`{worst}` is read worse than `{best}`: {numbers}{share}, {by} lower; the interval "
        f"leaves zero out ({people})."
    )
    if audit.gap_by_chance is not None and audit.gap is not None and audit.gap.value is not None:
        usual = "more" if audit.gap.value > audit.gap_by_chance else "not more"
        text += (
            f" That is {usual} than the {audit.gap_by_chance:.3f} that groups drawn at random "
            "reach in one of twenty cases."
        )
    return text


def _same_faces(audit: Audit) -> str:
    """What changes when nothing but the group does."""
    clear = {name: i for name, i in audit.paired.items() if excludes_zero(i)}
    faces = max(interval.n for interval in audit.paired.values())
    start = f"The same {faces} faces with only this changed:"
    if not clear:
        return f"{start} no group differs clearly from the others."
    told = [
        f"`{name}` scores {_points(abs(i.value or 0.0))} "
        f"{'lower' if (i.value or 0.0) < 0 else 'higher'} than the others {_distance(i)}"
        for name, i in sorted(clear.items(), key=lambda item: item[1].value or 0.0)
    ]
    rest = len(audit.paired) - len(clear)
    tail = f"; {rest} more {'does' if rest == 1 else 'do'} not differ clearly" if rest else ""
    return f"{start} {', '.join(told)}{tail}."


def _table(audits: Sequence[Audit]) -> str:
    lines = [
        "| label | group | people | score | same faces, against the other groups |",
        "|---" * 5 + "|",
    ]
    for one in audits:
        for name, interval in one.groups.items():
            apart = one.paired.get(name, "–")
            few = " (too few)" if name in one.small else ""
            lines.append(
                f"| {one.label} | {name}{few} | {interval.subjects} | {interval} | {apart} |"
            )
    return "\n".join(lines) + "\n"


def _value(interval: Interval) -> str:
    return "–" if interval.value is None else f"{interval.value:.3f}"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _bounds(interval: Interval) -> str:
    return f"[{_points(interval.low)}, {_points(interval.high)}]"


def _distance(interval: Interval) -> str:
    """The bounds without their signs, of an interval on one side of zero."""
    low, high = sorted(abs(x or 0.0) for x in (interval.low, interval.high))
    return f"[{low:.3f}, {high:.3f}]"


def _people(interval: Interval) -> str:
    return "1 person" if interval.subjects == 1 else f"{interval.subjects} people"
