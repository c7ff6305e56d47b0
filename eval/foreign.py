"""Answers of models that were never taught our grammar: the task's own reading first, then `read`.

    text ── task.parse ──▶ answer
               └ failure ──▶ eval.read ──▶ the same kind of answer, or a ParseFailure with a reason

One door for every model under test, so that peers are scored on what they say and not on how they
write it. The readers are as strict about meaning as the grammar is about form: two answers, a
hedge or a refusal stay failures.
"""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeGuard, cast

from eval.read.age import read_age
from eval.read.authentic import read_authentic
from eval.read.body import body_of, failure
from eval.read.expression import read_class, read_expression
from eval.read.pairs import pairs_of
from eval.read.settle import ANSWER, FINAL
from eval.read.understood import condition
from eval.read.units import Stated, read_units
from eval.read.valence_arousal import read_valence_arousal
from eval.read.yes_no import read_yes_no
from facellm.core.emotions import COMPOUNDS, EMONET40, EMONET_WORDS, emotion_words
from facellm.core.evidence import Thought, state
from facellm.core.facs import ACTION_UNITS, MAX_INTENSITY
from facellm.core.grammar import REGION_OF_NAME, ParseFailure
from facellm.tasks import TASKS
from facellm.tasks.action_units import ActionUnitsAnswer
from facellm.tasks.age import AgeAnswer
from facellm.tasks.authenticity import AuthenticityAnswer
from facellm.tasks.caption import CaptionAnswer
from facellm.tasks.categories import CompoundAnswer, Emotion40Answer
from facellm.tasks.expression import ExpressionAnswer
from facellm.tasks.open_emotion import LIMIT, OpenEmotionAnswer, names_emotion
from facellm.tasks.read_comparison import Said
from facellm.tasks.read_events import Told, ToldEvent
from facellm.tasks.reasoning import ReasoningAnswer
from facellm.tasks.region_question import RegionAnswer
from facellm.tasks.response import NO_FACE
from facellm.tasks.valence_arousal import ValenceArousalAnswer

BARE = 2.0
"""Intensity of a unit that is stated without one, as in the tasks' own prose."""

_NO_FACE = re.compile(
    r"(?:sorry,? |i'm sorry,? (?:but )?|unfortunately,? )?"
    r"(?:no (?:human )?faces? (?:(?:is|are|can be|was|were) )?"
    r"(?:visible|seen|shown|present|detected|found)"
    r"|(?:there (?:is|are)|i (?:can )?see) no (?:visible |human )?faces?"
    r"|there (?:isn't|is not) (?:a|any) (?:visible |human )?face"
    r"|i (?:do not|don't|cannot|can't) see (?:a|any) (?:human )?faces?)"
    r"(?: visible)?(?: (?:in|on) (?:the|this) (?:image|picture|photo|photograph))?\.?",
    re.I,
)
_ANSWER_BLOCK = re.compile(r"<answer>.*?</answer>", re.S)
_TAG = re.compile(r"</?(?:think|thinking|answer)>")
_FAKE = re.compile(
    r"\b(?:fake|manipulated|generated|edited|synthetic|deepfake|altered|not|cannot)\b|n't\b", re.I
)
_REAL = re.compile(
    r"\b(?:is|looks|appears|seems)(?: to be)? (?:an? )?(?:real|authentic|genuine)\b", re.I
)
_ASIDE = re.compile(
    r"\b(?:(?:i )?hope (?:this|that|it)\b|i (?:hope|doubt|fear|regret)\b|little doubt\b|"
    r"(?:of|region of|area of) interest\b|in relief\b)",
    re.I,
)
"""Words of categories that say nothing of the face."""
_SAME = re.compile(r"(?:same\s*[:=]\s*)?(true|false)\.?", re.I)
_MORE = re.compile(r"more\s*[:=]\s*(.+)", re.I)
_CODES = re.compile(r"AU[1-9][0-9]?(?:\s*(?:→|->|=>|>|,|;|\bthen\b)\s*(?:then )?AU[1-9][0-9]?)*\.?")
_UNIT = re.compile(r"\b(?:AUs?|action units?)\s*([0-9]{1,3})", re.I)


def read_foreign(task_name: str, text: str) -> Any:
    """Read an answer to a question of a task.

    Args:
        task_name: a task of `facellm.tasks`.
        text: the answer as the model wrote it.

    Returns:
        The task's answer record, an `Unanswerable`, or a `ParseFailure` with the reader's reason.
    """
    own = TASKS[task_name].parse(text)
    if isinstance(own, CaptionAnswer):
        return _more_facts(own)
    conditional = not isinstance(own, ParseFailure) and not _formal(text) and condition(text)
    if conditional:
        return failure(f"an answer under a condition: {conditional!r}", text)
    if not isinstance(own, ParseFailure) and not _overlooked(text, own):
        return own
    if _NO_FACE.fullmatch(text.strip().replace("’", "'")):
        return NO_FACE
    reader = _READERS.get(task_name)
    return own if reader is None else reader(text)


def _formal(text: str) -> bool:
    """Whether an answer is in tags or JSON, where no words around it count."""
    return "<answer>" in text or text.lstrip().startswith("{")


def _overlooked(text: str, answer: Any) -> bool:
    """Whether prose names units that the grammar, which knows citations alone, passed over."""
    if _formal(text):
        return False
    if isinstance(answer, ReasoningAnswer):
        thought = answer.thought or Thought()
        read = {*thought.units, *thought.absent}
    elif isinstance(answer, ActionUnitsAnswer | RegionAnswer):
        read = set(answer.units)
    else:
        return False
    return not {int(number) for number in _UNIT.findall(text)} <= read


def _expression(text: str) -> ExpressionAnswer | ParseFailure:
    emotion = read_expression(text)
    return emotion if isinstance(emotion, ParseFailure) else ExpressionAnswer(emotion=emotion)


def _action_units(text: str) -> ActionUnitsAnswer | ParseFailure:
    units = read_units(text)
    return units if isinstance(units, ParseFailure) else ActionUnitsAnswer(units=_strengths(units))


def _reasoning(text: str) -> ReasoningAnswer | ParseFailure:
    """The emotion by the answer, the evidence by everything before and around it."""
    emotion = read_expression(text)
    if isinstance(emotion, ParseFailure):
        return emotion
    units = read_units(_evidence(text))
    thought = None if isinstance(units, ParseFailure) else _thought(units)
    return ReasoningAnswer(emotion=emotion, thought=thought)


def _evidence(text: str) -> str:
    """What is said apart from the answer: thinking included, `Final answer: …` cut off."""
    lines = _TAG.sub("\n", _ANSWER_BLOCK.sub("\n", text)).splitlines()
    return "\n".join(ANSWER.split(FINAL.split(line)[0])[0] for line in lines)


def _thought(units: Stated) -> Thought | None:
    """The evidence; units that FACS defines and our table lacks cannot be scored and stay out."""
    known = {n: value for n, value in units.items() if n in ACTION_UNITS}
    if not known:
        return None
    seen = tuple(state(n, value) for n, value in known.items() if value is None or value > 0)
    return Thought(statements=seen, absent=tuple(n for n, value in known.items() if value == 0))


def _region_question(text: str) -> RegionAnswer | ParseFailure:
    region = _named_region(text)
    if isinstance(region, ParseFailure):
        return region
    units = read_units(text)
    if isinstance(units, ParseFailure):
        return units
    return RegionAnswer(region=region, units=_strengths(units))


def _named_region(text: str) -> str | ParseFailure | None:
    """The region under `region` in an answer's JSON; None where the question alone names it."""
    body = body_of(text)
    if isinstance(body, ParseFailure):
        return body
    named = {
        value["region"] for value in body.json if isinstance(value, dict) and "region" in value
    }
    if not named:
        return None
    regions = {REGION_OF_NAME.get(str(name).strip().lower().replace("_", " ")) for name in named}
    if len(regions) == 1 and None not in regions:
        return regions.pop()
    return failure(f"{', '.join(map(str, named))} is no face region", text)


def _more_facts(own: CaptionAnswer) -> CaptionAnswer:
    """A description with the facts that only the readers find in it."""
    found: dict[str, Any] = {}
    if own.emotion is None:
        emotion = read_expression(own.text)
        found["emotion"] = emotion if isinstance(emotion, str) else None
    if not own.units:
        units = read_units(own.text)
        if not isinstance(units, ParseFailure):
            # What a caption calls absent is no fact in it, as in the task's own reading.
            found["units"] = {n: value for n, value in units.items() if value is None or value > 0}
        elif _UNIT.search(own.text):
            found["units"] = None  # it speaks of units, but which ones is unclear
    return own.model_copy(update=found)


def _valence_arousal(text: str) -> ValenceArousalAnswer | ParseFailure:
    read = read_valence_arousal(text)
    if isinstance(read, ParseFailure):
        return read
    return ValenceArousalAnswer(valence=read.valence, arousal=read.arousal)


def _age(text: str) -> AgeAnswer | ParseFailure:
    years = read_age(text)
    return years if isinstance(years, ParseFailure) else AgeAnswer(age=years)


def _authenticity(text: str) -> AuthenticityAnswer | ParseFailure:
    """The one object where there is JSON; else yes or no, which every question of the task asks.

    A yes or no whose words speak for the other side, such as "yes, it is fake", is unread.
    """
    body = body_of(text)
    if isinstance(body, ParseFailure):
        return body
    if body.json:
        read = cast(AuthenticityAnswer | ParseFailure, _one_object("authenticity", text))
        beside = read_yes_no(body.text)
        if isinstance(read, AuthenticityAnswer) and beside is (not read.authentic):
            return failure("the JSON says one thing and the words beside it another", text)
        return read
    yes = read_yes_no(text)
    if isinstance(yes, ParseFailure):
        stated = read_authentic(text)
        return yes if stated is None else AuthenticityAnswer(authentic=stated)
    if (_FAKE if yes else _REAL).search(text):
        return failure("yes or no, and words for the other side", text)
    return AuthenticityAnswer(authentic=yes)


def _emotion40(text: str) -> Emotion40Answer | ParseFailure:
    """A category by its name, a part of it, or its adjective."""
    found = read_class(_ASIDE.sub(" ", text), EMONET40, EMONET_WORDS)
    return found if isinstance(found, ParseFailure) else Emotion40Answer(category=found)


def _compound(text: str) -> CompoundAnswer | ParseFailure:
    found = read_class(text, COMPOUNDS)
    return found if isinstance(found, ParseFailure) else CompoundAnswer(category=found)


def _open_emotion(text: str) -> OpenEmotionAnswer | ParseFailure:
    """The one JSON object or list, or a bare list of words; sentences are not searched for words.

    Nearly every sentence about a face holds some word that is an emotion elsewhere.
    """
    body = body_of(text)
    if isinstance(body, ParseFailure):
        return body
    if body.json and not isinstance(body.json[0], list):
        return cast(OpenEmotionAnswer | ParseFailure, _one_object("open_emotion", text))
    listed = body.json[0] if body.json else _bare_list(*(body.tagged or (body.text,)))
    words = [w for item in listed for w in emotion_words(item)] if _texts(listed) else []
    if not words or len(words) > LIMIT or not all(map(names_emotion, words)):
        return failure("no list of emotion words", text)
    return OpenEmotionAnswer(emotions=tuple(words))


def _texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _bare_list(text: str, *more: str) -> list[str]:
    """The items of `joy, relief` or of lines; none of them where it is more than one text."""
    text = re.sub(r"\A\s*(?:the )?emotions?(?: words)?\s*:\s*", "", text, flags=re.I)
    return [] if more else [part.strip(" .\"'") for part in re.split(r"[,;\n]", text)]


def _comparison(text: str) -> Said | ParseFailure:
    """The one JSON object, `same: false` or `more: face 2`; else what the task's own reader says.

    A bare yes or no is unread: some questions ask whether the expression changed, some whether it
    is the same.
    """
    body = body_of(text)
    if isinstance(body, ParseFailure):
        return body
    if body.json:
        return cast(Said | ParseFailure, _one_object("comparison", text))
    said = " ".join(body.tagged) or body.text
    if match := _SAME.fullmatch(said.strip()):
        return Said(same=match[1].lower() == "true")
    match = _MORE.fullmatch(said.strip())
    return cast(Said | ParseFailure, TASKS["comparison"].parse(match[1] if match else said))


def _dynamics(text: str) -> Told | ParseFailure:
    """The one JSON object, or a bare list of codes in their order."""
    body = body_of(text)
    if isinstance(body, ParseFailure):
        return body
    said = (" ".join(body.tagged) or body.text).strip()
    if not body.json and _CODES.fullmatch(said):
        codes = [f"AU{number}" for number in _UNIT.findall(said)]
        if all(int(code[2:]) in ACTION_UNITS for code in codes):
            return Told(events=tuple(ToldEvent(action_unit=code) for code in codes))
    return cast(Told | ParseFailure, _one_object("dynamics", text))


def _one_object(task_name: str, text: str) -> Any:
    """The task's own reading of the one object in a text: JSON, or nothing but `name: value`."""
    body = body_of(text)
    if isinstance(body, ParseFailure):
        return body
    found = body.json or (pairs_of(body.text),)
    if len(found) != 1 or not isinstance(found[0], dict):
        return failure(f"no answer of the task {task_name}", text)
    try:
        read = TASKS[task_name].parse(json.dumps(found[0], allow_nan=False))
    except ValueError:
        return failure("a number in the JSON is none", text)
    return failure(read.reason, text) if isinstance(read, ParseFailure) else read


def _strengths(units: Stated) -> dict[int, float]:
    return {n: BARE if value is None else min(value, MAX_INTENSITY) for n, value in units.items()}


_READERS: dict[str, Callable[[str], Any]] = {
    "expression": _expression,
    "action_units": _action_units,
    "reasoning": _reasoning,
    "region_question": _region_question,
    "valence_arousal": _valence_arousal,
    "head_pose": partial(_one_object, "head_pose"),
    "attributes": partial(_one_object, "attributes"),
    "age": _age,
    "quality": partial(_one_object, "quality"),
    "authenticity": _authenticity,
    "gaze": partial(_one_object, "gaze"),
    "emotion40": _emotion40,
    "compound_expression": _compound,
    "open_emotion": _open_emotion,
    "comparison": _comparison,
    "dynamics": _dynamics,
}
