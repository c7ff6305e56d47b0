"""A mean face of 68 points, to lay on the few points of a face that nothing better is known of."""

import numpy as np

from facellm.core.regions import Points

MEAN_SHAPE = np.array(
    [
        (-1.13, 0.026), (-1.127, 0.25), (-1.121, 0.486), (-1.092, 0.741), (-1.024, 1.018),
        (-0.924, 1.243), (-0.661, 1.548), (-0.385, 1.728), (0, 1.811), (0.385, 1.728),
        (0.661, 1.548), (0.924, 1.243), (1.024, 1.018), (1.092, 0.741), (1.121, 0.486),
        (1.127, 0.25), (1.13, 0.026),  # jaw
        (-0.912, -0.235), (-0.814, -0.318), (-0.666, -0.363), (-0.467, -0.352), (-0.236, -0.315),
        (0.236, -0.315), (0.467, -0.352), (0.666, -0.363), (0.814, -0.318), (0.912, -0.235),
        (0, -0.042), (0, 0.195), (0, 0.402), (0, 0.529), (-0.264, 0.694), (-0.128, 0.722),
        (0, 0.73), (0.128, 0.722), (0.264, 0.694),  # nose
        (-0.698, 0.001), (-0.594, -0.058), (-0.441, -0.066), (-0.277, 0.025), (-0.418, 0.046),
        (-0.572, 0.052),  # right eye
        (0.277, 0.025), (0.441, -0.066), (0.594, -0.058), (0.698, 0.001), (0.572, 0.052),
        (0.418, 0.046),  # left eye
        (-0.439, 1.096), (-0.254, 0.983), (-0.13, 0.956), (0, 0.975), (0.13, 0.956),
        (0.254, 0.983), (0.439, 1.096), (0.263, 1.295), (0.142, 1.339), (0, 1.354),
        (-0.142, 1.339), (-0.263, 1.295),  # mouth
        (-0.398, 1.097), (-0.203, 1.057), (0, 1.06), (0.203, 1.057), (0.398, 1.097),
        (0.21, 1.179), (0, 1.204), (-0.21, 1.179),  # inner mouth
    ]
)  # fmt: skip
"""(68, 2), y down, eyes at (±0.5, 0): the mirrored mean of 2 700 photographed faces, upright."""


def five_of(points: Points) -> Points:
    """Eye centres, nose tip and mouth corners (5, 2) of 68 points, the subject's right first."""
    return np.stack(
        [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
    )


def similarity(source: Points, target: Points) -> Points:
    """The least-squares scale, turn and shift (2, 3) that takes `source` (N, 2) to `target`."""
    centre, goal = source.mean(0), target.mean(0)
    a, b = (source - centre)[:, 0], (source - centre)[:, 1]
    u, v = (target - goal)[:, 0], (target - goal)[:, 1]
    norm = max(float((a * a + b * b).sum()), 1e-12)
    cos, sin = float((a * u + b * v).sum()) / norm, float((a * v - b * u).sum()) / norm
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, goal - turn @ centre])


def fit_mean_shape(five: Points) -> Points:
    """Lay the mean face on five points (see `five_of`); 68 points without an expression."""
    matrix = similarity(five_of(MEAN_SHAPE), five)
    return MEAN_SHAPE @ matrix[:, :2].T + matrix[:, 2]
