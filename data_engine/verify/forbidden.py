"""What no description of a face may claim, and the phrases of a teacher that did not do its job.

Whole words only, and only where the sentence does not deny: "a picture cannot tell who this is" is
what a refusal says. Words of FACS are no claims: `depressed lip corners` is no diagnosis.
"""

import re
from functools import lru_cache

from facellm.core.read_prose import negated


def words_of(text: str) -> frozenset[str]:
    """The words of a text between spaces."""
    return frozenset(text.split())


_CLAIMS: dict[str, str] = {
    "identity":
        r"(?i:\b(?:this|that|he|she|it) is) [A-Z][a-z]+ [A-Z][a-z]+"
        r"|(?i:\b(?:celebrity|famous (?:actor|actress|singer|person|politician|athlete)|"
        r"well[- ]known (?:actor|actress|singer|person|politician|public figure)|"
        r"(?:resembles?|looks? like) (?-i:[A-Z])[a-z]+ (?-i:[A-Z])[a-z]+|"
        r"(?:identified|recogni[sz]ed|known) as (?:the |a )?(?-i:[A-Z])[a-z]+|"
        r"(?:named|called) (?-i:[A-Z])[a-z]+|(?:his|her|their) name is))",
    "intent":
        r"(?i:\b(?:intends? to|intention|plans? to|planning to|is about to|are about to|"
        r"(?:is|are) (?:lying|deceiving|deceptive|pretending|faking|hiding)|trying to|wants? to|"
        r"(?:is|are) thinking (?:of|about|that)|truthful|dishonest|deceptive|guilty|"
        r"deep down|inner thoughts?))",
    "diagnosis":
        r"(?i:\b(?:(?:is|are|looks?|seems?|appears?|clinically|severely) depressed|"
        r"(?:suffers?|suffering) from|depression\b(?! of)|autis\w+|schizophreni\w+|"
        r"bell'?s palsy|parkinson\w*|bipolar|adhd|dementia|(?:a|had a) stroke\b|"
        r"(?:anxiety|mood|personality|mental|psychiatric|eating|neurological) (?:disorder|illness)|"
        r"diagnos\w+|intoxicated|drunk|on drugs|mentally ill|trauma\w*|facial paralysis))",
    "ethnicity":
        r"(?i:\b(?:caucasian|asian|african|hispanic|latin[oax]|arab(?:ic)?|european|"
        r"middle[- ]eastern|indian|chinese|japanese|korean|mixed[- ]race|ethnic\w*|"
        r"(?:white|black|brown)(?:-skinned)? (?:man|woman|person|people|male|female|girl|boy|"
        r"child|face|individual)|racial\w*|of \w+ (?:descent|heritage|origin)))",
    "age":
        r"(?i:\b(?:(?:in (?:his|her|their) (?:early |mid[- ]?|late )?"
        r"(?:teens|twenties|thirties|forties|fifties|sixties|seventies|eighties))|"
        r"\d{1,3}[- ]years?[- ]old|aged? (?:about |around )?\d{1,3}|middle[- ]aged|elderly|"
        r"teenage[rd]?|toddler|infant|(?:young|old|older|younger) "
        r"(?:man|woman|person|people|boy|girl|adult|lady|child|individual|face)|"
        r"(?:of )?about \d{1,3} years))",
    "gender":
        r"(?i:\b(?:man|woman|male|female|boy|girl|lady|gentleman|guy|he|she|his|her|hers|him|"
        r"men's|man's|woman's|masculine|feminine))\b",
    "character":
        r"(?i:\b(?:trustworthy|untrustworthy|attractive|unattractive|beautiful|handsome|ugly|"
        r"intelligent|stupid|criminal|dangerous|(?:an )?(?:introvert|extrovert)(?:ed)?|"
        r"homosexual|heterosexual|gay|lesbian|muslim|christian|jewish|hindu|religious|"
        r"kind-hearted|honest person|good personality|competent|employable))\b",
}  # fmt: skip
CLAIMS = {kind: re.compile(pattern) for kind, pattern in _CLAIMS.items()}
"""Kind of claim → pattern of an affirmative sentence that makes it."""

HEDGES = re.compile(
    r"\b(?:i think|i believe|i guess|i suppose|in my opinion|as an ai|as a language model|"
    r"language model|i'?m sorry|i am sorry|i apologi[sz]e|i'?m unable|i am unable|"
    r"i (?:cannot|can't|can not) (?:see|view|access|assist|help|determine|provide)|"
    r"(?:cannot|can't|unable to|not able to) (?:see|view|access|open) (?:the|this|any) "
    r"(?:image|picture|photo)|no image (?:was|is|has been)|"
    r"hard to (?:tell|say)|difficult to (?:tell|say|determine)|not (?:entirely )?(?:sure|certain)|"
    r"maybe|perhaps|possibly|probably|might|could be|may be|unclear (?:if|whether)|"
    r"happy to help|let me know|hope this helps|certainly!|sure!)(?!\w)",
    re.I,
)
LEAKS = re.compile(
    r"\b(?:(?:according to|based on|given|as per|from|in|matches|match) (?:the |your |these )?"
    r"(?:provided |given |known |supplied |ground[- ]truth )?"
    r"(?:labels?|annotations?|ground truth|metadata|instructions?|prompt|provided (?:data|"
    r"information|action units)|known values)|ground truth|"
    r"the labels? (?:says?|states?|indicates?|lists?)|"
    r"as (?:labelled|labeled|annotated|instructed|requested|specified))\b",
    re.I,
)  # fmt: skip
REFUSES = re.compile(
    r"\b(?:cannot|can't|can not|could not|not possible|impossible|no way to|does not (?:tell|show|"
    r"reveal|say)|doesn't (?:tell|show|reveal|say)|do not|don't|won't|will not|not something|"
    r"unable|never|nothing (?:in|about)|no picture|beyond what)\b",
    re.I,
)
_TRIGGERS = words_of("""
    celebrity famous identified recognised recognized known named called name intends intend
    intention plans plan planning is about lying deceiving deceptive pretending faking hiding trying
    wants want thinking truthful dishonest guilty deep thoughts depressed suffers suffer suffering
    depression bell's bells parkinson parkinson's parkinsons bipolar adhd dementia stroke disorder
    illness intoxicated drunk drugs mentally paralysis caucasian asian african hispanic latino
    latina latinx arab arabic european eastern middle-eastern indian chinese japanese korean mixed
    mixed-race white black brown white-skinned black-skinned brown-skinned descent heritage origin
    teens twenties thirties forties fifties sixties seventies eighties old year-old years-old aged
    age middle-aged elderly teenage teenager teenaged toddler infant young older younger years man
    woman male female boy girl lady gentleman guy he she his her hers him men's man's woman's
    masculine feminine trustworthy untrustworthy attractive unattractive beautiful handsome ugly
    intelligent stupid criminal dangerous introvert extrovert introverted extroverted homosexual
    heterosexual gay lesbian muslim christian jewish hindu religious kind-hearted honest personality
    competent employable think believe guess suppose opinion ai language sorry apologise apologize
    i'm unable cannot can't can able image hard difficult sure certain maybe perhaps possibly
    probably might could may unclear happy let hope certainly label labels annotation annotations
    truth metadata instruction instructions prompt provided values labelled labeled annotated
    instructed requested specified
""") - words_of("is happy can known")
"""A sentence with none of these matches no pattern of this file, save `_STEMS` and `_NAME`."""
_STEMS = re.compile("autis|schizo|diagnos|ethnic|racial|trauma|-year")
_NAME = re.compile(r"[A-Z][a-z]+ [A-Z][a-z]|I can not|(?:known as|happy to)\b")
_TOKEN = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


def suspicious(text: str) -> bool:
    """A fast, generous test: False only for a text in which no pattern of this file can match."""
    # What the test looks for reaches across none of these, and pieces recur where sentences do not.
    pieces = text.replace("\n", ", ").replace(". ", ", ").replace(" and ", ", ").split(", ")
    return any(map(_suspicious, pieces))


@lru_cache(1 << 14)
def _suspicious(piece: str) -> bool:
    lower = piece.lower()
    if "think>" in lower:
        lower = lower.replace("<think>", " ").replace("</think>", " ")  # tags are no words
    if not _TRIGGERS.isdisjoint(_TOKEN.findall(lower)) or not piece.isascii():
        return True
    return _NAME.search(piece) is not None or _STEMS.search(lower) is not None


@lru_cache(1 << 14)
def _in_sentence(sentence: str) -> tuple[tuple[str, str], ...]:
    hits = ((kind, pattern.search(sentence)) for kind, pattern in CLAIMS.items())
    found = [(kind, match[0].strip()) for kind, match in hits if match]
    # Gender is stated by any mention; the rest only by a sentence that affirms.
    if found and negated(sentence):
        found = [(kind, said) for kind, said in found if kind == "gender"]
    return tuple(found)


def forbidden(text: str) -> list[tuple[str, str]]:
    """Kinds of forbidden claims with the words that make them."""
    return [hit for sentence in _SENTENCES.split(text) for hit in _in_sentence(sentence)]
