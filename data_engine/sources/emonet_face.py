"""EmoNet-Face (Schuhmann et al., NeurIPS 2025): generated faces rated for forty emotions.

    path/hq.csv         image,annotator,human,annotations      one line a rater and picture;
                        annotations: a Python dict {"Group|Anger": 3, …}, ratings 0 (not at all)-7
    path/binary.csv     path,annotator,value,emotion           00000,human-1,True,Anger
    path/images/…       names without a suffix get the one that is there

The authors' repository has the csv files, the hub the pictures (put them in `images` by the names
the csv gives them; to read the hub's own parquet use `parquet` or `hub`). Lines of `hq.csv` whose
`human` is not True are models' ratings and are not read. `data/binary.csv` was seen; `hq.csv` is
as code that reads it treats it.

A sample's `expression` is the category that people rated highest on average (from `min_rating`
on; several that tie are joined), or those a majority called present. `emotion` follows where that
is one category and one of our eight. The other ratings have no field in a sample. Nobody is shown:
the faces are a text-to-image model's, so they are not `authentic`.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Literal

from pydantic import Field

from data_engine.sources.base import PICTURES, Source, existing
from data_engine.sources.table import Entry, Once, csv_entries
from data_engine.step import Item, Reject
from facellm.core.errors import given
from facellm.core.sample import FaceLabels

CATEGORIES = (
    "Amusement", "Elation", "Pleasure/Ecstasy", "Contentment", "Thankfulness/Gratitude",
    "Affection", "Infatuation", "Hope/Enthusiasm/Optimism", "Triumph", "Pride", "Interest", "Awe",
    "Astonishment/Surprise", "Concentration", "Contemplation", "Relief", "Longing", "Teasing",
    "Impatience and Irritability", "Sexual Lust", "Doubt", "Fear", "Distress", "Confusion",
    "Embarrassment", "Shame", "Disappointment", "Sadness", "Bitterness", "Contempt", "Disgust",
    "Anger", "Malevolence/Malice", "Sourness", "Pain", "Helplessness", "Fatigue/Exhaustion",
    "Emotional Numbness", "Intoxication/Altered States of Consciousness", "Jealousy & Envy",
)  # fmt: skip
ALSO_CALLED = {"Hopelessness": "Helplessness"}
"""`binary.csv` calls it so."""
OURS = {
    "Anger": "anger", "Disgust": "disgust", "Fear": "fear", "Sadness": "sadness",
    "Astonishment/Surprise": "surprise", "Contempt": "contempt",
}  # fmt: skip
"""Categories that are one of our emotions. Happiness has no single category: Elation, Amusement
and Contentment each are a part of it."""
MAX_RATING = 7.0
MAJORITY = 0.5
Ratings = dict[str, list[float]]


class EmonetFace(Source):
    """Samples with the expression people rated highest."""

    name = "emonet_face"
    licence = "CC BY 4.0"
    consent = "generated faces, no persons"

    part: Literal["hq", "binary"] = "hq"
    """Ratings of all forty categories, or whether single categories are present."""
    images: Path = Path("images")
    """Folder of the pictures below `path`."""
    min_rating: float = Field(default=1.0, ge=0, le=MAX_RATING)
    """Mean rating from which the strongest category counts; below it there is no expression."""

    def read(self, out: Path) -> Iterator[Item | Reject]:
        """Yield the pictures in the order in which the csv first names them."""
        folder = existing(self.path / self.images, "expected the pictures; see `images`")
        rated: dict[str, Ratings] = {}
        where: dict[str, str] = {}
        for entry, image, line in self._lines():
            where.setdefault(image, entry.where)
            known = rated.setdefault(image, {})
            for category, value in line.items():
                known.setdefault(category, []).append(value)
        for image, ratings in rated.items():
            labels = self._labels(ratings)
            yield self.sample(_picture(folder, image), out, labels, where=where[image])

    def _lines(self) -> Iterator[tuple[Entry, str, dict[str, float]]]:
        """The people's lines: entry, picture, rating by category; `binary` rates 0 or 1."""
        once = Once()
        if self.part == "hq":
            columns = ("image", "annotator", "human", "annotations")
            for entry in csv_entries(self.path / "hq.csv", columns):
                if entry["human"].lower() == "true":
                    once.see((entry["image"], entry["annotator"]), entry.where)
                    yield entry, entry["image"], _ratings(entry)
            return
        for entry in csv_entries(
            self.path / "binary.csv", ("path", "annotator", "value", "emotion")
        ):
            once.see((entry["path"], entry["annotator"], entry["emotion"]), entry.where)
            value = entry.choice("value", {"True": 1.0, "False": 0.0})
            yield entry, entry["path"], {_category(entry, entry["emotion"]): value}

    def _labels(self, ratings: Ratings) -> FaceLabels:
        means = {category: fmean(values) for category, values in ratings.items()}
        if self.part == "hq":
            highest = max(means.values(), default=0.0)
            shown = [c for c, mean in means.items() if mean == highest >= self.min_rating]
            shown = shown if highest > 0 else []
        else:
            shown = [category for category, mean in means.items() if mean > MAJORITY]
        return FaceLabels(
            emotion=OURS.get(shown[0]) if len(shown) == 1 else None,
            expression=" and ".join(sorted(c.lower() for c in shown)) or None,
            authentic=False,
            manipulation="generated by a text-to-image model",
        )


def _category(entry: Entry, name: str) -> str:
    """The category of a name, which may have its group in front: `Negative…|Anger`."""
    plain = name.rpartition("|")[2].strip()
    plain = ALSO_CALLED.get(plain, plain)
    if plain not in CATEGORIES:
        raise entry.error(f"{given(name)} is none of the forty categories, such as 'Anger'")
    return plain


def _ratings(entry: Entry) -> dict[str, float]:
    try:
        values = ast.literal_eval(entry["annotations"])
    except (ValueError, SyntaxError):
        values = None
    if not isinstance(values, Mapping):
        raise entry.error("annotations is no dict; expected {'Group|Anger': 3, …}")
    ratings = {}
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= MAX_RATING:
            raise entry.error(f"{name} is rated {given(value)}; expected 0 to {MAX_RATING:g}")
        ratings[_category(entry, str(name))] = float(value)
    return ratings


def _picture(folder: Path, name: str) -> Path:
    """The picture of a name, which may lack its suffix."""
    file = folder / name
    if file.suffix.lower() in PICTURES:
        return file
    candidates = (folder / f"{name}{suffix}" for suffix in sorted(PICTURES))
    return next((file for file in candidates if file.is_file()), folder / f"{name}.jpg")
