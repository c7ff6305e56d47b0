"""A mean face of 68 points, to lay on the few points of a face that nothing better is known of."""

import numpy as np

from facellm.core.regions import Points

MEAN_SHAPE = np.array(
    [
        (-1.131, 0.026), (-1.128, 0.25), (-1.121, 0.486), (-1.093, 0.741),
        (-0.925, 1.244), (-0.662, 1.549), (-0.53, 1.646), (-0.216, 1.793),
        (0, 1.813), (0.216, 1.793), (0.53, 1.646), (0.662, 1.549), (0.925, 1.244),
        (1.093, 0.741), (1.121, 0.486), (1.128, 0.25), (1.131, 0.026),  # jaw
        (-0.912, -0.234), (-0.814, -0.318), (-0.666, -0.362), (-0.468, -0.351),
        (-0.236, -0.315),  # right brow
        (0.236, -0.315), (0.468, -0.351), (0.666, -0.362), (0.814, -0.318),
        (0.912, -0.234),  # left brow
        (0, -0.042), (0, 0.084), (0, 0.295), (0, 0.529), (-0.264, 0.694),
        (-0.128, 0.722), (0, 0.73), (0.128, 0.722), (0.264, 0.694),  # nose
        (-0.698, 0.001), (-0.594, -0.058), (-0.441, -0.065), (-0.278, 0.025),
        (-0.418, 0.046), (-0.572, 0.052),  # right eye
        (0.278, 0.025), (0.441, -0.065), (0.594, -0.058), (0.698, 0.001),
        (0.572, 0.052), (0.418, 0.046),  # left eye
        (-0.439, 1.097), (-0.254, 0.984), (-0.13, 0.956), (0, 0.976), (0.13, 0.956),
        (0.254, 0.984), (0.439, 1.097), (0.352, 1.23), (0.142, 1.341), (0, 1.356),
        (-0.142, 1.341), (-0.352, 1.23),  # mouth
        (-0.398, 1.098), (-0.203, 1.058), (0, 1.061), (0.203, 1.058),
        (0.398, 1.098), (0.21, 1.181), (0, 1.206), (-0.21, 1.181),  # inner mouth
    ]
)  # fmt: skip
"""(68, 2), y down, eyes at (±0.5, 0): mirrored mean of 2 352 photographed faces, upright."""


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
