"""What a render returns: one picture and everything that is known of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facellm.faces.region_masks import pixel_masks


@dataclass(frozen=True)
class RigFrame:
    """One picture with labels that are exact by construction."""

    image: np.ndarray
    """(H, W, 3) uint8 RGB."""
    action_units: dict[int, float]
    """Intensity 0-5 of every unit of the rig; 0.0 is absent."""
    points: np.ndarray
    """(68, 2) float32 pixels x, y in Multi-PIE order."""
    visible: np.ndarray
    """(68,) bool: in the frame and not hidden by the face, hair or glasses."""
    box: tuple[float, float, float, float]
    """Tight around the points, xyxy pixels, clipped to the picture."""
    pose: tuple[float, float, float]
    """Pitch, yaw, roll in radians."""
    gaze: tuple[float, float]
    """Pitch, yaw of the line of sight in camera space: (0, 0) looks along the optical axis."""
    emotion: str | None
    subject_id: str

    @cached_property
    def region_masks(self) -> dict[str, np.ndarray]:
        """{region: (H, W) bool} for the fifteen regions; drawn when first asked for."""
        return pixel_masks(self.points, len(self.image))
