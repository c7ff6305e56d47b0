"""Checks a text about faces against what is known of them.

    text ── read ──▶ claims ──┐
    labels of each face ──────┴─▶ problems, each with a machine-readable kind

Kinds: `wrong_unit:AU12`, `negation:AU6`, `wrong_intensity:AU4`, `wrong_side:AU12`,
`wrong_region:AU9`, `missing:AU12` (a complete list lacks it), `contradiction:AU12`,
`wrong_emotion:anger`, `negation:happiness`, `wrong_side:head`, `wrong_pose:head`,
`wrong_attribute:eyeglasses`, `wrong_age`, `wrong_face`, `unsupported:…` (no label speaks about
it), `forbidden:identity` and so on, `hedge`, `leak`, `unrelated`, `no_refusal`, `wrong_topic:crime`
(a refusal names what was not asked), `grammar`, `wrong_answer:head_pose` and so on for the tasks
with exact answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from data_engine.topics import TOPICS, asked_about, named_in
from data_engine.verify.attributes import attribute_problems, mentions
from data_engine.verify.claims import Claim, Policy, Problem, Verdict
from data_engine.verify.exact import exact_answer, exact_problem
from data_engine.verify.forbidden import HEDGES, LEAKS, REFUSES, suspicious
from data_engine.verify.lexicon import EMOTIONS_OF
from data_engine.verify.limits import limit_problems
from data_engine.verify.reader import FRONTAL, Read, Said, faces_of, read
from facellm.core.facs import ACTION_UNITS, intensity_word
from facellm.core.read_prose import words
from facellm.core.sample import FaceLabels
from facellm.tasks.caption import POSE_FROM, POSES
from facellm.tasks.units import whole

REFUSAL = "refusal"
"""The kind of conversation in which the right answer is that a picture cannot tell."""
STRICT = Policy()
NO_FACE = Problem("wrong_face", "the text describes a face; the picture shows none")


def _labelled(units: Iterable[int], known: Mapping[int, float]) -> tuple[int, int, int]:
    """How many of the units are labelled, the strongest of them and its step; 0s for none."""
    count = acting = strongest = 0
    for n in units:
        if n in known:
            count += 1
            step = int(known[n] + 0.5)
            if step > strongest or not acting:
                acting, strongest = n, step
    return count, acting, strongest


def _unit(claim: Claim, labels: FaceLabels, policy: Policy) -> Problem | None:
    known = labels.action_units or {}
    rated, acting, strongest = _labelled(claim.units, known)
    if claim.denied and rated:
        if strongest <= policy.tolerance:
            return None
        detail = f"the text denies {_named(acting)}, which acts ({intensity_word(strongest)})"
        return Problem(f"negation:AU{acting}", detail)
    name = claim.units[0]
    if not strongest:
        if rated == len(claim.units):
            return Problem(f"wrong_unit:AU{name}", f"{_named(name)} does not act")
        if policy.unlabelled == "allow":
            return None
        return Problem(f"unsupported:AU{name}", f"no label speaks about {_named(name)}")
    if not claim.low:
        return None
    if acting in labels.presence_only:
        if policy.unlabelled == "allow":
            return None
        detail = f"no label says how strongly {_named(acting)} acts; cite it as (AU{acting})"
        return Problem(f"unsupported:AU{acting}", detail)
    least, most = claim.low - policy.tolerance, claim.high + policy.tolerance
    steps = (int(known[n] + 0.5) for n in claim.units if n in known)
    if least <= strongest <= most or any(step and least <= step <= most for step in steps):
        return None
    detail = f"{_named(acting)} is {intensity_word(strongest)}"
    return Problem(f"wrong_intensity:AU{name}", detail)


def _named(number: int) -> str:
    return f"AU{number} ({ACTION_UNITS[number].name})"


def _emotion(claim: Claim, labels: FaceLabels, policy: Policy) -> Problem | None:
    noun = claim.emotions[0]
    allowed = {labels.emotion} if labels.emotion else set()
    if labels.expression:
        for word in words(labels.expression):
            allowed |= set(EMOTIONS_OF.get(word, ()))
    if claim.denied:
        if noun == labels.emotion and len(claim.emotions) == 1:
            return Problem(f"negation:{noun}", f"the text denies {noun}, which the face shows")
        return None
    if not allowed:
        if policy.unlabelled == "allow":
            return None
        return Problem("unsupported:emotion", f"the text names {noun}; no emotion is known")
    if allowed.isdisjoint(claim.emotions):
        shown = labels.emotion or labels.expression
        return Problem(f"wrong_emotion:{noun}", f"the text names {noun}; the face shows {shown}")
    return None


def _rest(claim: Claim, labels: FaceLabels, policy: Policy) -> Problem | None:
    known = labels.action_units or {}
    acting = [n for n, value in known.items() if whole(value) > claim.high + policy.tolerance]
    if not acting:
        return None
    strongest = max(acting, key=lambda n: known[n])
    said = "little of the face moves" if claim.high else "the face is at rest"
    return Problem(f"negation:AU{strongest}", f"the text says {said}; {_named(strongest)} acts")


def _claim(claim: Claim, labels: FaceLabels, policy: Policy) -> Problem | None:
    if claim.kind == "unit":
        return _unit(claim, labels, policy) if claim.units else None
    if claim.kind == "emotion":
        return _emotion(claim, labels, policy)
    if claim.kind == "rest":
        return _rest(claim, labels, policy)
    name = f"AU{claim.units[0]}"
    return Problem(f"wrong_region:{name}", f"{_named(claim.units[0])} does not act in that region")


def _pose(stated: frozenset[str], labels: FaceLabels, policy: Policy) -> Problem | None:
    if labels.pose is None:
        if policy.unlabelled == "allow":
            return None
        return Problem("unsupported:pose", "no label speaks about the pose of the head")
    if FRONTAL in stated and any(abs(angle) > 1.5 * POSE_FROM for angle in labels.pose):
        return Problem("wrong_pose:head", "the head is turned, tilted, raised or lowered")
    for angle, names in zip(labels.pose, POSES, strict=True):
        for name, sign in zip(names, (1, -1), strict=True):
            # Half the threshold: a label just under it is no error of the text.
            if name in stated and angle * sign < POSE_FROM / 2:
                kind = "wrong_side:head" if angle * sign < -POSE_FROM / 2 else "wrong_pose:head"
                return Problem(kind, f"the head is not {name}")
    return None


def _agreeing(problems: Sequence[Problem | None]) -> Problem | None:
    """The problem, where a statement is wrong for every face it may be about."""
    return None if None in problems or not problems else problems[0]


def _faces(numbers: tuple[int, ...], facts: Sequence[FaceLabels]) -> Sequence[FaceLabels]:
    if not numbers:
        return facts
    chosen = [facts[n - 1 if n > 0 else n] for n in numbers if 0 < n <= len(facts) or n == -1]
    return chosen or facts


def _said(
    said: Said, facts: Sequence[FaceLabels], asked: tuple[int, ...], policy: Policy
) -> list[Problem]:
    faces = _faces(said.faces or asked, facts)
    found: list[Problem] = []
    if not faces:
        return found
    for claim in said.claims:
        problem = _claim(claim, faces[0], policy)
        if problem is not None and len(faces) > 1:
            problem = _agreeing([_claim(claim, labels, policy) for labels in faces])
        if problem is not None:
            found.append(problem)
    if said.pose:
        problem = _agreeing([_pose(said.pose, labels, policy) for labels in faces])
        if problem is not None:
            found.append(problem)
    return found


def _sides(claims: Sequence[Claim]) -> Iterator[Problem]:
    sides: dict[tuple[int, ...], set[str]] = {}
    for claim in claims:
        if claim.side is not None and not claim.denied:
            sides.setdefault(claim.units, set()).add(claim.side)
    for units, named in sides.items():
        if not {"left", "right"} <= named:
            detail = f"{_named(units[0])} is rated for the whole face, not for one side"
            yield Problem(f"wrong_side:AU{units[0]}", detail)


def _contradictions(claims: Sequence[Claim]) -> Iterator[Problem]:
    stated: set[int] = set()
    denied: set[int] = set()
    for claim in claims:
        if claim.kind == "unit" and len(claim.units) == 1:
            (denied if claim.denied else stated).add(claim.units[0])
    for n in sorted(denied & stated):
        yield Problem(f"contradiction:AU{n}", f"the text both states and denies {_named(n)}")


def _whole_answer(found: Read, facts: Sequence[FaceLabels], policy: Policy) -> Iterator[Problem]:
    if not facts and any(said.claims or said.pose for said in found.said):
        yield NO_FACE
    if found.missing is not None:
        face, count = found.missing.face, found.missing.count
        if (face is None and facts) or (face is not None and face <= len(facts)):
            yield Problem("wrong_face", f"the text says a face is missing; {len(facts)} are known")
        elif count is not None and count != len(facts):
            yield Problem("wrong_face", f"the text counts {count} faces; {len(facts)} are known")
    if found.listed is not None and len(facts) == 1:
        for n, value in sorted((facts[0].action_units or {}).items()):
            if n not in found.listed and whole(value) > policy.tolerance:
                yield Problem(f"missing:AU{n}", f"{_named(n)} acts and is not in the list")


def _manner(text: str, kind: str, policy: Policy, question: str) -> Iterator[Problem]:
    if kind == REFUSAL:
        if not REFUSES.search(text):
            yield Problem("no_refusal", "the text does not say that a picture cannot tell this")
        asked, named = asked_about(question), named_in(text)
        if asked and named and asked.isdisjoint(named):
            topic = min(named)
            detail = f"the text refuses to say {TOPICS[topic][0]}, which was not asked"
            yield Problem(f"wrong_topic:{topic}", detail)
    elif policy.hedges and (match := HEDGES.search(text)):
        yield Problem("hedge", f"{match[0]!r} is a hedge; say what is visible")
    if match := LEAKS.search(text):
        yield Problem("leak", f"{match[0]!r} speaks of the labels the writer was shown")


def _says_enough(found: Read, text: str, facts: Sequence[FaceLabels], policy: Policy) -> bool:
    """Whether the text says as much that can be checked as the faces' labels ask for."""
    missing = policy.min_claims - len(found.claims)
    if missing <= 0 or found.broken or found.missing:
        return True
    if sum(bool(said.pose) for said in found.said) >= missing:
        return True
    return not any(map(_checkable, facts)) or mentions(text, facts)


def _checkable(labels: FaceLabels) -> bool:
    return any(x is not None for x in (labels.emotion, labels.action_units, labels.pose))


def turn_kinds(task: str, truth: dict[str, Any] | None) -> list[str]:
    """The task of each answer of a conversation: its own, or those that its truth lists."""
    turns = (truth or {}).get("turns")
    return [turn["task"] for turn in turns] if turns else [task]


def verify(
    text: str,
    facts: Sequence[FaceLabels],
    kind: str = "",
    policy: Policy = STRICT,
    question: str = "",
) -> Verdict:
    """Check one answer; equal arguments give the equal verdict.

    Args:
        text: of either register, or free prose.
        facts: what is known of each face, from the left; none for a picture without faces.
        kind: task or kind of conversation; `REFUSAL` and the tasks with exact answers, such as
            `age`, change what is expected.
        policy: how strict to be.
        question: what was asked; names the face among several and may state a gender.
    """
    asked = faces_of(question) if len(facts) > 1 and question else ()
    exact = exact_answer(kind, text)
    if exact is not None:
        against = [exact_problem(kind, exact, labels, policy) for labels in _faces(asked, facts)]
        problem = _agreeing(against) if facts else NO_FACE
        return Verdict(() if problem is None else (problem,))
    found = read(text)
    claims = found.claims
    problems = [Problem("grammar", reason) for reason in found.broken]
    for said in found.said:
        if said.claims or said.pose:
            problems += _said(said, facts, asked, policy)
    if policy.one_sided == "reject":
        problems += _sides(claims)
    if len(facts) < 2:
        problems += _contradictions(claims)
    problems += _whole_answer(found, facts, policy)
    if found.listed is None and not text.startswith(("<answer>", "{")):
        if kind == REFUSAL or suspicious(text):
            problems += limit_problems(text, facts, policy, question)
            problems += _manner(text, kind, policy, question)
        problems += attribute_problems(text, facts)
        if kind != REFUSAL and not _says_enough(found, text, facts, policy):
            problems.append(Problem("unrelated", "the text says nothing checkable about the face"))
    return Verdict(tuple(dict.fromkeys(problems)), claims)
