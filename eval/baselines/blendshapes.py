"""MediaPipe's 52 blendshape scores of each face and gradient boosting (scikit-learn)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from eval.baselines.faces import FaceRow, as_rows, classes_of
from facellm.core.errors import FaceLLMError
from facellm.core.recipe import Part
from facellm.faces import load_image
from facellm.faces.crop import overlap

SAVE_EVERY = 200
"""Faces after which the scores found so far are on disk."""
SAME = 0.3
"""Least overlap of a found face with the corpus's box to be the same one."""


class Blendshapes(Part):
    """Boosted trees on blendshape scores; a face that MediaPipe overlooks has none of them."""

    kind: Literal["blendshapes"] = "blendshapes"
    finder_model: Path
    """Folder with `face_landmarker.task` and YuNet's `.onnx`, or the `.task` file alone."""
    cache: Path | None = None
    """Parquet file of the scores; None is `blendshapes.parquet` in the output folder."""
    learning_rate: float = Field(default=0.05, gt=0)
    iterations: int = Field(default=200, gt=0)
    least_leaf: int = Field(default=10, gt=0)
    """Faces in a leaf at least."""
    l2: float = Field(default=1.0, ge=0)
    balanced: bool = False
    """Weigh faces so that every emotion counts the same."""
    seed: int = 0

    def predict(
        self, train: Sequence[FaceRow], asked: Sequence[FaceRow], folder: Path
    ) -> list[dict[str, float]]:
        """See `eval.baselines.faces.Baseline`.

        Raises:
            FaceLLMError: model files that cannot be read, or no mediapipe.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        scores = self.scores([*train, *asked], self.cache or folder / "blendshapes.parquet")
        classes = classes_of(train)
        model = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.iterations,
            min_samples_leaf=self.least_leaf,
            l2_regularization=self.l2,
            early_stopping=False,
            class_weight="balanced" if self.balanced else None,
            random_state=self.seed,
        )
        labels = [classes.index(row.emotion) for row in train]
        model.fit(scores[: len(train)], labels)
        return as_rows(classes, model.predict_proba(scores[len(train) :]))

    def scores(self, rows: Sequence[FaceRow], cache: Path) -> NDArray[np.float64]:
        """(N, 52) scores in [0, 1] by name; NaN where MediaPipe finds no such face.

        What is in the cache is not computed again.
        """
        import pandas

        known: dict[str, dict[str, float]] = {}
        if cache.is_file():
            known = pandas.read_parquet(cache).set_index("face").to_dict("index")
        missing = [row for row in rows if row.key not in known]
        if missing:
            self._find(missing, known, cache)
        table = pandas.DataFrame.from_dict(known, orient="index")
        if table.empty or table.isna().all(axis=None):
            raise FaceLLMError("MediaPipe finds none of the faces; check the corpus's pictures")
        chosen = table.loc[[row.key for row in rows], sorted(table.columns)]
        return np.asarray(chosen.to_numpy(dtype=np.float64))

    def _find(
        self, rows: Sequence[FaceRow], known: dict[str, dict[str, float]], cache: Path
    ) -> None:
        from facellm.faces.mediapipe import MediapipeFinder

        finder = MediapipeFinder.from_folder(self.finder_model)
        for n, row in enumerate(tqdm(rows, desc="blendshapes", unit="face", disable=None), 1):
            known[row.key] = _scores_of(finder, row)
            if n % SAVE_EVERY == 0 or n == len(rows):
                _save(known, cache)


def _scores_of(finder: Any, row: FaceRow) -> dict[str, float]:
    found = finder.find_with_blendshapes(load_image(row.path))
    same = [one for one in found if overlap(one.face.box, row.record.box) > SAME]
    best = max(same, key=lambda one: overlap(one.face.box, row.record.box), default=None)
    return dict(best.blendshapes) if best is not None else {}


def _save(known: dict[str, dict[str, float]], cache: Path) -> None:
    import pandas

    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(".part")
    table = pandas.DataFrame.from_dict(known, orient="index").rename_axis("face").reset_index()
    table.to_parquet(part)
    part.replace(cache)
