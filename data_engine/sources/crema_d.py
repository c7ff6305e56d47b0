"""CREMA-D (Cao et al., IEEE TAC 2014): 91 actors speak twelve sentences with six emotions.

    path/VideoFlash/1001_DFA_ANG_XX.flv         actor_sentence_emotion_level
    path/VideoDemographics.csv                  ActorID,Age,Sex,Race,Ethnicity

The emotion is the one the actor was asked to show, not the one viewers saw; the level is low,
medium, high or, for most sentences, unspecified. The set has no parts: actors are split by their
id. One file of the set has the level `X`, which is read as `XX`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from data_engine.sources.base import existing
from data_engine.sources.table import Entry, check_unique, csv_entries
from data_engine.sources.video import VideoSource, videos_in
from data_engine.step import Item, Reject
from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import FaceLabels

SENTENCES = (
    "IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI",
)  # fmt: skip
EMOTION_CODES = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral",
    "SAD": "sadness",
}  # fmt: skip
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None, "X": None}
FORM = "1001_DFA_ANG_XX: actor, sentence, emotion, level"
GROUPS = ("Sex", "Race", "Ethnicity")
_NAME = re.compile(
    rf"([0-9]{{4}})_({'|'.join(SENTENCES)})_({'|'.join(EMOTION_CODES)})_({'|'.join(LEVELS)})"
)


class CremaD(VideoSource):
    """Clips with the intended emotion, its level, the actor's age and groups."""

    name = "crema_d"
    licence = "ODbL 1.0, contents DbCL 1.0"

    videos: Path = Path("VideoFlash")
    """Folder of the videos below `path`."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the clips by name."""
        folder = existing(self.path / self.videos, "expected the videos of CREMA-D")
        actors = {
            entry["ActorID"]: entry
            for entry in check_unique(
                csv_entries(self.path / "VideoDemographics.csv", ("ActorID", "Age", *GROUPS)),
                "ActorID",
            )
        }
        for file in videos_in(folder):
            match = _NAME.fullmatch(file.stem)
            if match is None:
                raise FaceLLMError(f"{given(file.name)} is no name of CREMA-D; expected {FORM}")
            actor, _, code, level = match.groups()
            if actor not in actors:
                raise FaceLLMError(
                    f"VideoDemographics.csv lacks the actor {actor} of {file.name}; "
                    "expected a line for each"
                )
            yield self.clip(file, out, _labels(code, level, actors[actor]), subject=actor)


def _labels(code: str, level: str, actor: Entry) -> FaceLabels:
    word = LEVELS[level]
    return FaceLabels(
        emotion=EMOTION_CODES[code],
        expression=f"{EMOTION_CODES[code]}, {word} intensity" if word else None,
        age=actor.number("Age", int, low=1, high=120),
        groups={name.lower(): actor[name] for name in GROUPS},
    )
