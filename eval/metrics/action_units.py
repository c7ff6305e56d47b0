"""Action units: detection (F1, precision, recall) and intensity (ICC, MAE, CCC, Pearson)."""

from collections.abc import Sequence

import numpy as np

from eval.metrics import agreement
from eval.statistics import Bools, Clusters, Floats, ratio, row_means, same_length
from facellm.core.errors import FaceLLMError
from facellm.core.facs import PRESENT, PROTOCOLS, Protocol
from facellm.core.statistics import Interval

INTENSITY = {
    "icc31": agreement.icc31,
    "icca1": agreement.icca1,
    "ccc": agreement.ccc,
    "pearson": agreement.pearson,
    "mae": agreement.mae,
}


def protocol(name: str) -> Protocol:
    """A named choice of units.

    Raises:
        FaceLLMError: an unknown name.
    """
    if name not in PROTOCOLS:
        raise FaceLLMError(f"no protocol {name!r}; expected one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def detection(
    predicted: Floats,
    gold: Floats,
    subjects: Sequence[str],
    units: Sequence[int],
    present_at: float = PRESENT,
    predicted_at: float | None = None,
) -> dict[str, Interval]:
    """Is each unit there? F1 per unit and the mean over the units that occur.

    Args:
        predicted: (N, K) in any unit of strength; a unit that an answer does not state is 0.
        gold: (N, K) intensities, NaN where unlabelled.
        subjects: (N,).
        units: FACS numbers of the K columns, such as `protocol("disfa8").units`.
        present_at: gold value from which a unit is present.
        predicted_at: predicted value from which it is; None: `present_at`. 0.5 for probabilities.

    Returns:
        `f1`, `precision`, `recall`: means over the units for which each is defined.
        `f1/AU12`, `precision/AU12`, `recall/AU12`: of one unit. A unit without positive labels has
        no F1 and no recall, not 0 or 1; its false alarms show in its precision, which is 0 then.
        `units`: how many units have a positive label, as a plain count.
    """
    clusters, known = _checked(predicted, gold, subjects, units)
    values = detection_draws(clusters, predicted, gold, present_at, predicted_at)
    positive = ((gold >= present_at) & known).any(axis=0)
    labelled = _any(known)
    return {
        **clusters.intervals({name: row_means(v) for name, v in values.items()}, labelled),
        "units": Interval(value=float(positive.sum()), low=None, high=None, n=int(labelled.sum())),
        **_per_unit(clusters, values, units, known),
    }


def detection_draws(
    clusters: Clusters,
    predicted: Floats,
    gold: Floats,
    present_at: float = PRESENT,
    predicted_at: float | None = None,
) -> dict[str, Floats]:
    """`f1`, `precision` and `recall` of every unit over every draw, (1 + D, K)."""
    known, k = ~np.isnan(gold), gold.shape[1]
    p = (predicted >= (present_at if predicted_at is None else predicted_at)) & known
    g = (gold >= present_at) & known
    sums = clusters.sums(np.hstack([p & g, p, g]))
    hits, said, real = sums[:, :k], sums[:, k : 2 * k], sums[:, 2 * k :]
    return {
        "f1": np.where(real > 0, ratio(2 * hits, said + real), np.nan),
        "precision": ratio(hits, said),
        "recall": ratio(hits, real),
    }


def intensity(
    predicted: Floats, gold: Floats, subjects: Sequence[str], units: Sequence[int]
) -> dict[str, Interval]:
    """How strong is each unit? Every measure per unit and as the mean over the units it fits.

    Args:
        predicted: (N, K) intensities 0-5; a unit that an answer does not state is 0.
        gold: (N, K) intensities 0-5, NaN where unlabelled.
        subjects: (N,).
        units: FACS numbers of the columns.

    Returns:
        `icc31`, `icca1`, `ccc`, `pearson`, `mae` and each with `/AU12` and so on. Correlations are
        undefined for a unit that never varies (Pearson: on either side).
    """
    clusters, known = _checked(predicted, gold, subjects, units)
    m = agreement.moments(clusters, predicted, gold)
    values = {name: measure(m) for name, measure in INTENSITY.items()}
    return {
        **clusters.intervals({name: row_means(v) for name, v in values.items()}, _any(known)),
        **_per_unit(clusters, values, units, known),
    }


def _checked(
    predicted: Floats, gold: Floats, subjects: Sequence[str], units: Sequence[int]
) -> tuple[Clusters, Bools]:
    same_length(predictions=predicted, labels=gold, subjects=subjects)
    if predicted.shape != gold.shape or gold.shape != (len(subjects), len(units)):
        raise FaceLLMError(
            f"predictions {predicted.shape} and labels {gold.shape}; "
            f"expected {len(subjects)} samples × {len(units)} units"
        )
    known = ~np.isnan(gold)
    if np.isnan(predicted[known]).any():
        raise FaceLLMError(
            "a unit's prediction is NaN where it is labelled; write 0 for a unit that is not "
            "stated, or leave out the units that the tool does not predict"
        )
    return Clusters(subjects), known


def _any(known: Bools) -> Bools:
    return np.asarray(known.any(axis=1), dtype=np.bool_)


def _per_unit(
    clusters: Clusters,
    values: dict[str, Floats],
    units: Sequence[int],
    known: Bools,
) -> dict[str, Interval]:
    return {
        f"{name}/AU{unit}": clusters.interval(draws[:, i], known[:, i])
        for name, draws in values.items()
        for i, unit in enumerate(units)
    }
