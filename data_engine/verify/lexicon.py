"""The words of free prose: which parts of a face, which motions, and what units they mean.

A part and a motion that belong together mean one unit or one of several: "raised brows" leaves
open whether the inner or the outer ends rise (AU1, AU2). The table is deliberately generous with
alternatives; a text is rejected for words only where every reading of them is wrong.
"""

import re

from facellm.core.facs import ACTION_UNITS, INTENSITY_WORDS
from facellm.core.read_prose import EMOTION_WORDS, NEGATIONS

_OF_THE = r"of (?:the |his |her |their |its |both |your )?"
_BROW = r"(?:eye)?brows?"
MERGED: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = tuple(
    (tuple(needed.split("|")), re.compile(rf"\b(?:{pattern})\b"), token)
    for needed, pattern, token in (
        ("corner", rf"corners? {_OF_THE}(?:mouth|lips)|(?:lip|mouth)[ -]corners?", "lipcorner"),
        ("inner",
         rf"inner (?:corners?|ends?|parts?|portions?|edges?|halves) {_OF_THE}{_BROW}", "innerbrow"),
        ("inner", rf"inner(?:most)? {_BROW}(?: (?:corners?|ends?|edges?))?", "innerbrow"),
        ("outer",
         rf"outer (?:corners?|ends?|parts?|portions?|edges?|halves) {_OF_THE}{_BROW}", "outerbrow"),
        ("outer", rf"outer(?:most)? {_BROW}(?: (?:corners?|ends?|edges?))?", "outerbrow"),
        ("eye",
         r"(?:corners?|sides?) of (?:the |his |her |their )?eyes?|outer eye corners?", "eyecorner"),
        ("upper", r"upper (?:eye)?lids?", "upperlid"),
        ("lower", r"lower (?:eye)?lids?", "lowerlid"),
        ("upper lip", r"upper lips?", "upperlip"),
        ("lower lip|bottom lip", r"lower lips?|bottom lips?", "lowerlip"),
        ("nasolabial|smile lines", r"nasolabial (?:folds?|furrows?|lines?)|smile lines", "fold"),
        ("chin boss", r"chin boss", "chin"),
        (" side", r"(?:to|towards?) (?:one|the) side", "sideways"),
        ("outer", r"(brows?) (\w+) at (?:their|the) outer (?:ends|corners)", r"outerbrow \2"),
        ("stretched|wide",
         r"stretched (?:wide open|wide|open)|wide[- ]open(?:ed)?|widely opened", "wideopen"),
        ("open", r"open(?:ed)? (?:very )?wide(?:ly)?", "wideopen"),
        ("eyed", r"wide[- ]eyed", "wide eyes"),
        ("furrow between", r"furrow between", "furrowed"),
        ("pushed out", r"pushed out|pushed outwards?", "protruding"),
        ("feet", r"crow'?s[- ]feet", "crinkles eyecorner"),
        ("together", r"(?:taken|viewed|seen) together|together with", "with"),
        ("together",
         r"together (?=suggest|indicat|point|form|give|make|produce|signal|convey|create|express|"
         r"read|match|these|this|they|the )", ""),
        ("rather|instead|opposed|free of|devoid|absence|fail",
         r"rather than|instead of|as opposed to|free of|devoid of|absence of|fails? to", "not"),
        ("not only|no doubt|without|no wonder|no surprise|in no way",
         r"not only|no doubt|without (?:a )?doubt|no wonder|no surprise that|in no way less", ""),
        ("eye|close|at least|made up|as far as",
         r"eye contact|eye level|close[- ]up|at least|made up|as far as", ""),
        ("action unit", r"action unit (?=\d)", "au"),
    )
)  # fmt: skip
"""Sequences of words that become one word before anything else is read, in order; each with
letters of which every text holds some that its pattern matches, to spare most searches."""

_PARTS = {
    "brow": "brow brows eyebrow eyebrows", "innerbrow": "innerbrow", "outerbrow": "outerbrow",
    "forehead": "forehead", "glabella": "glabella", "eye": "eye eyes", "eyecorner": "eyecorner",
    "lid": "lid lids eyelid eyelids", "upperlid": "upperlid", "lowerlid": "lowerlid",
    "cheek": "cheek cheeks", "nose": "nose nostrils", "fold": "fold folds",
    "lip": "lip lips", "upperlip": "upperlip", "lowerlip": "lowerlip", "lipcorner": "lipcorner",
    "mouth": "mouth", "chin": "chin", "jaw": "jaw", "head": "head gaze teeth tongue hair shoulders",
}  # fmt: skip
PARTS = {word: part for part, words in _PARTS.items() for word in words.split()}
"""Word → part; `head` stands for what can move and is not read."""

PART_REGIONS: dict[str, frozenset[str]] = {
    part: frozenset(regions.split())
    for part, regions in {
        "brow": "right_brow left_brow", "innerbrow": "right_brow left_brow",
        "outerbrow": "right_brow left_brow", "forehead": "forehead", "glabella": "glabella",
        "eye": "right_eye left_eye", "eyecorner": "right_eye left_eye right_cheek left_cheek",
        "lid": "right_eye left_eye", "upperlid": "right_eye left_eye",
        "lowerlid": "right_eye left_eye", "cheek": "right_cheek left_cheek", "nose": "nose",
        "fold": "right_nasolabial left_nasolabial", "lip": "mouth", "upperlip": "mouth",
        "lowerlip": "mouth chin", "lipcorner": "mouth", "mouth": "mouth inner_mouth",
        "chin": "chin", "jaw": "jaw inner_mouth chin",
    }.items()
}  # fmt: skip
"""Part → the face regions it may stand for."""

_MOTIONS = {
    "up": "raise raised raises raising lift lifted lifts lifting elevated elevates elevation "
          "upturned upward upwards up arched arching arch higher rise rises rising risen curl "
          "curled curls raiser",
    "down": "lower lowered lowers lowering down downturned downward downwards depressed droop "
            "drooping droops drooped sag sagging sags lowerer",
    "together": "together knit knitted furrow furrowed furrows furrowing contracted pinched "
                "bunched",
    "wide": "wide widened widen widens widening enlarged", "wideopen": "wideopen",
    "narrow": "narrow narrowed narrows narrowing squinted slits thin thinned",
    "tight": "tight tighten tightened tightens tightening tense tensed tension taut",
    "wrinkled": "wrinkle wrinkled wrinkles wrinkling scrunch scrunched scrunches scrunching "
                "crinkle crinkled crinkles crinkling crease creased creases",
    "apart": "part parted parting apart separated open opened opens opening ajar agape",
    "pressed": "press pressed presses pressing compressed clamped", "pursed": "pursed pursing",
    "puckered": "pucker puckered puckering", "stretched": "stretch stretched stretching elongated",
    "funnel": "funnel funnelled funneled protrude protruding protruded",
    "closed": "closed shut closing sealed", "dimpled": "dimple dimpled dimples dimpling",
    "dropped": "drop dropped drops hangs hanging slack gaping",
    "sucked": "sucked sucked-in rolled tucked inwards inward",
    "forward": "forward thrust jutted jutting juts", "sideways": "sideways shifted",
    "deep": "deep deepen deepened deepening accentuated",
    "rest": "relaxed neutral rest resting smooth unfurrowed unwrinkled still flat",
}  # fmt: skip
MOTIONS = {word: motion for motion, words in _MOTIONS.items() for word in words.split()}
"""Word → motion."""

_MEANING = (
    ("brow up", "1 2"), ("innerbrow up", "1"), ("outerbrow up", "2"), ("forehead up", "1 2"),
    ("brow down", "4"), ("brow together", "4"), ("brow wrinkled", "4"), ("brow tight", "4"),
    ("innerbrow down", "4"), ("innerbrow together", "4"), ("forehead together", "1 2 4"),
    ("forehead wrinkled", "1 2 4"), ("glabella wrinkled", "4 9"), ("glabella together", "4"),
    ("eye wide", "5"), ("eye wideopen", "5"), ("lid wide", "5"), ("upperlid up", "5"),
    ("lid up", "5"), ("eye closed", "43 45"), ("lid closed", "43 45"), ("eye narrow", "6 7"),
    ("lid narrow", "7"), ("lid tight", "7"), ("lowerlid tight", "6 7"), ("lowerlid up", "6 7"),
    ("upperlid tight", "7"), ("eye tight", "6 7"), ("eye wrinkled", "6 7"),
    ("eyecorner wrinkled", "6"), ("cheek up", "6"), ("cheek wrinkled", "6 12"),
    ("nose wrinkled", "9"), ("nose together", "9"), ("upperlip up", "10"),
    ("fold deep", "9 10 11 12"),
    ("fold wrinkled", "9 10 11 12"), ("lipcorner up", "12 13"), ("mouth up", "12 13"),
    ("lip up", "10 12"), ("lipcorner down", "15"), ("mouth down", "15"), ("lip down", "15 16"),
    ("lipcorner tight", "14"), ("lipcorner dimpled", "14"), ("lipcorner sucked", "14"),
    ("cheek dimpled", "12 14"), ("lowerlip down", "16"), ("lowerlip up", "17"), ("chin up", "17"),
    ("chin wrinkled", "17"), ("chin dimpled", "17"), ("chin tight", "17"),
    ("lip puckered", "18"), ("mouth puckered", "18"), ("lip pursed", "18 23 24"),
    ("mouth pursed", "18 23 24"), ("lip stretched", "20"), ("mouth stretched", "20"),
    ("lipcorner stretched", "20"), ("lipcorner sideways", "20"), ("mouth sideways", "20"),
    ("lip sideways", "20"), ("lip wide", "12 20"), ("mouth wide", "12 20 27"),
    ("lip funnel", "18 22"), ("mouth funnel", "18 22"), ("lip forward", "18 22"),
    ("lip tight", "23 24"), ("lip narrow", "23 24"), ("mouth tight", "23 24"),
    ("lip pressed", "23 24"), ("mouth pressed", "23 24"), ("lip apart", "25 26 27"),
    ("mouth apart", "25 26 27"), ("mouth dropped", "25 26 27"), ("jaw dropped", "26 27"),
    ("jaw down", "26 27"), ("jaw apart", "26 27"), ("mouth wideopen", "26 27"),
    ("jaw wideopen", "26 27"), ("jaw stretched", "26 27"), ("jaw wide", "26 27"),
    ("lip sucked", "28"), ("mouth sucked", "28"), ("jaw forward", "29"), ("chin forward", "29"),
    ("jaw sideways", "30"),
)  # fmt: skip
MEANING: dict[tuple[str, str], tuple[int, ...]] = {
    (key.split()[0], key.split()[1]): tuple(int(n) for n in units.split())
    for key, units in _MEANING
}
"""Part and motion → the units the pair may mean."""

DENIALS: dict[tuple[str, str], tuple[int, ...]] = {
    ("eye", "apart"): (43,), ("lip", "closed"): (25, 26, 27), ("mouth", "closed"): (25, 26, 27),
    ("brow", "rest"): (1, 2, 4), ("forehead", "rest"): (1, 2, 4), ("cheek", "rest"): (6,),
    ("lid", "rest"): (5, 7), ("nose", "rest"): (9,), ("mouth", "rest"): (12, 15, 20, 27),
    ("lip", "rest"): (20, 23, 24), ("lipcorner", "rest"): (12, 13, 15), ("chin", "rest"): (17,),
    ("jaw", "rest"): (27, 29, 30),
}  # fmt: skip
"""Part and motion → units that the words deny without a negation."""

WORD_UNITS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("smile", "smiles", "smiling", "grin", "grins", "grinning", "beaming"), (12,)),
    **dict.fromkeys(("frown", "frowns", "frowning", "frowned"), (4, 15)),
    **dict.fromkeys(("scowl", "scowls", "scowling", "glower", "glowering"), (4,)),
    **dict.fromkeys(("sneer", "sneers", "sneering"), (9, 10, 14)),
    **dict.fromkeys(("smirk", "smirks", "smirking"), (12, 14)),
    **dict.fromkeys(("squint", "squints", "squinting"), (6, 7)),
    **dict.fromkeys(("pout", "pouts", "pouting"), (15, 17, 18, 22)),
    **dict.fromkeys(("gape", "gapes", "gaping"), (25, 26, 27)),
    **dict.fromkeys(("blink", "blinks", "blinking", "wink", "winking"), (43, 45)),
    **{au.name.lower().replace(" ", ""): (n,) for n, au in ACTION_UNITS.items()},
}
"""Words that name units by themselves; names of units are written without spaces."""
UNIT_NAMES = re.compile(
    r"\b(?:" + "|".join(sorted(au.name.lower() for au in ACTION_UNITS.values())) + r")\b"
)

UNIT_NAME_ENDS = tuple(sorted({au.name.lower().split()[-1] for au in ACTION_UNITS.values()}))
"""Every text that holds a name of a unit holds one of these words."""


def _each(words: str, value: tuple[int, int]) -> dict[str, tuple[int, int]]:
    return dict.fromkeys(words.split(), value)


INTENSITIES: dict[str, tuple[int, int]] = {
    **{word: (n, n) for n, word in enumerate(INTENSITY_WORDS, 1)},
    **_each("faint faintly barely hint slightest minimal minimally", (1, 1)),
    **_each("slightly subtle subtly mild mildly gentle gently little small lightly softly", (1, 2)),
    **_each("weak weakly somewhat", (1, 2)),
    **_each("moderate moderately noticeable noticeably medium distinct markedly clearly", (2, 4)),
    **_each("strong strongly intense intensely heavily firmly broad broadly prominent", (4, 5)),
    **_each("prominently considerably tightly very hard", (4, 5)),
    **_each("maximal maximally extreme extremely fully completely", (5, 5)),
}
"""Word → weakest and strongest step it may stand for."""

NEGATORS = NEGATIONS - {"absent", "lack", "lacks", "lacking"} | {"nothing", "lacks", "lacking"}
DENIED_BEFORE = frozenset(("absent", "missing", "invisible", "inactive"))
"""Words that deny what stands before them."""
SEEN = frozenset((
    "visible", "present", "seen", "evident", "apparent", "detected", "observed", "noticeable",
    "active", "engaged", "involved", "activated", "there",
))  # fmt: skip
"""Words that deny what stands before them where a negation precedes them."""

_MORE_EMOTIONS = {
    "anger": "irritated irritation annoyed annoyance rage enraged fury outraged hostile angrily",
    "disgust": "revulsion repulsed disgustedly revolted",
    "fear": "frightened terrified terror fearfully panic alarmed dread",
    "happiness": "joyous delighted delight cheerful cheerfulness amused amusement pleased glee "
                 "happily enjoyment",
    "sadness": "sorrow sorrowful gloomy melancholy grief grieving sadly mournful dejected",
    "surprise": "astonishment amazed amazement startled shocked stunned surprisedly",
    "neutral": "impassive unemotional emotionless",
    "contempt": "disdain disdainful scorn scornful",
}  # fmt: skip
EMOTIONS_OF: dict[str, tuple[str, ...]] = {
    **{word: (noun,) for word, noun in EMOTION_WORDS.items() if word != "smiling"},
    **{word: (noun,) for noun, words in _MORE_EMOTIONS.items() for word in words.split()},
    **dict.fromkeys(("relaxed", "content", "serene", "composed"), ("neutral", "happiness")),
    **dict.fromkeys(("anxious", "worried", "nervous"), ("fear", "sadness")),
    **dict.fromkeys(("upset", "distressed"), ("sadness", "anger", "fear")),
}
"""Word → the emotions it may name. `smiling` is a movement in prose, not an emotion."""
