"""A figure of where a model looks: faces, the map of a unit's regions, and the outline of its mask.

Only rendered faces are drawn: a report may be published, a person's picture may not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eval.grounding import compare_map, look
from eval.question import Question
from facellm.core.facs import ACTION_UNITS, PRESENT

SHOWN = 12
SIDE = 168
RENDERED = "rendered"
"""How the consent note of a source without people begins."""


def draw_looks(reader: Any, questions: Sequence[Question], path: Path) -> list[Path]:
    """Draw the strongest unit of the first faces; nothing where no face is rendered."""
    chosen = []
    for question in questions:
        face = question.sample.faces[question.face - 1]
        units = {n: v for n, v in (face.labels.action_units or {}).items() if n in ACTION_UNITS}
        strongest = max(units, key=lambda n: units[n], default=None)
        rendered = question.sample.provenance.consent.startswith(RENDERED)
        if (
            rendered
            and face.points is not None
            and strongest is not None
            and units[strongest] >= PRESENT
        ):
            chosen.append((question, strongest))
        if len(chosen) == SHOWN:
            break
    if not chosen:
        return []
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = 6
    rows = -(-len(chosen) // columns)
    figure, grid = pyplot.subplots(
        rows, columns, figsize=(1.7 * columns, 2.0 * rows), layout="constrained", squeeze=False
    )
    for axes in grid.flat:
        axes.axis("off")
    for axes, (question, unit) in zip(grid.flat, chosen, strict=False):
        _draw(axes, reader, question, unit)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    return [path]


def _draw(axes: Any, reader: Any, question: Question, unit: int) -> None:
    seen = look(reader, question)
    view = seen.image.crop(seen.box).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    weights, mask = seen.weights(unit), seen.mask(unit)
    grid = len(mask)
    span = (0, SIDE, SIDE, 0)
    axes.imshow(view.convert("L"), cmap="gray", extent=span)
    heat = weights / (weights.max() or 1.0)
    axes.imshow(heat, cmap="inferno", alpha=0.75 * np.sqrt(heat), extent=span)
    large = np.kron(mask, np.ones((SIDE // grid, SIDE // grid)))
    axes.contour(np.linspace(0, SIDE, large.shape[1]), np.linspace(0, SIDE, large.shape[0]),
                 large, levels=[0.5], colors="#38bdf8", linewidths=1)  # fmt: skip
    iou = compare_map(weights, mask)[0]
    axes.set_title(f"AU{unit} {ACTION_UNITS[unit].name}\nIoU {iou:.2f}", fontsize=7)
