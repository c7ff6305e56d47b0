"""Words for the emotions in the languages that models answer in.

Canonical English words come from `facellm.core.emotions`; here are plain translations and a few
inflections. A word that could be two emotions is not in the table: an answer in it is unread.
"""

from facellm.core.emotions import ALIASES
from facellm.core.read_prose import DATASET_CODES, EMOTION_WORDS

CODES = {word: ALIASES[word] for word in DATASET_CODES}
"""Dataset codes, which count only as a whole answer."""

FOREIGN: dict[str, tuple[str, ...]] = {
    "anger": (
        "colère", "fâché", "fâchée", "wut", "wütend", "zorn", "zornig", "ärger", "verärgert",
        "enojo", "ira", "enojado", "enojada", "enfadado", "enfadada", "enfado", "furioso",
        "愤怒", "生气", "憤怒", "生氣", "怒り", "怒っ", "غضب", "غاضب",
    ),
    "disgust": (
        "dégoût", "dégoûté", "dégoûtée", "ekel", "angeekelt", "angewidert", "asco", "disgusto",
        "厌恶", "恶心", "厭惡", "嫌悪", "اشمئزاز", "مشمئز",
    ),
    "fear": (
        "frightened", "terrified", "peur", "effrayé", "effrayée", "apeuré", "apeurée", "angst",
        "furcht", "ängstlich", "verängstigt", "miedo", "temor", "asustado", "asustada",
        "恐惧", "害怕", "恐懼", "恐怖", "恐れ", "خوف", "خائف",
    ),
    "happiness": (
        "cheerful", "joyous", "joie", "heureux", "heureuse", "joyeux", "joyeuse", "bonheur",
        "freude", "glücklich", "fröhlich", "glück", "freudig", "felicidad", "feliz", "alegría",
        "alegre", "contento", "contenta", "高兴", "快乐", "开心", "幸福", "喜悦", "高興", "快樂",
        "開心", "喜び", "嬉し", "幸せ", "سعادة", "سعيد", "فرح",
    ),
    "sadness": (
        "sorrow", "sorrowful", "tristesse", "triste", "traurig", "trauer", "traurigkeit",
        "tristeza", "悲伤", "难过", "伤心", "悲傷", "難過", "悲し", "حزن", "حزين",
    ),
    "surprise": (
        "astonishment", "surpris", "überrascht", "überraschung", "erstaunt", "erstaunen",
        "sorpresa", "sorprendido", "sorprendida", "惊讶", "吃惊", "驚訝", "驚き", "驚い",
        "مفاجأة", "متفاجئ", "دهشة",
    ),
    "neutral": ("neutre", "neutralität", "中性", "无表情", "中立", "無表情", "平静", "محايد"),
    "contempt": (
        "mépris", "méprisant", "verachtung", "verächtlich", "desprecio", "轻蔑", "蔑视", "軽蔑",
        "ازدراء", "احتقار",
    ),
}  # fmt: skip

ADVERBS = {
    "happily": "happiness", "sadly": "sadness", "angrily": "anger", "fearfully": "fear",
    "disgustedly": "disgust", "surprisedly": "surprise",
}  # fmt: skip
"""First words of compound emotions such as `happily surprised`."""

EMOTIONS_IN_WORDS: dict[str, str] = {
    **EMOTION_WORDS,
    **{word: noun for noun, words in FOREIGN.items() for word in words},
}
"""Lower-case word of any language → emotion noun."""
