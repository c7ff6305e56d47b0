"""What our routes ask of vLLM's workers beyond text."""

import numpy as np
import torch

from facellm.core.regions import REGIONS


class FaceWorker:
    """Mixed into vLLM's worker class by `--worker-extension-cls`."""

    @torch.inference_mode()
    def evidence_maps(
        self, pixels: bytes, landmarks: bytes, shape: list[int]
    ) -> tuple[bytes, list[int]]:
        """Read-out attention of views, as float32 bytes with their shape (V, max_faces, 15, G, G).

        Args:
            pixels: float32 views (V, 3, S, S), normalised.
            landmarks: int32 (V, max_faces, 68, 2), see `facellm.model.vision`.
            shape: of the views.
        """
        model = self.get_model()  # type: ignore[attr-defined]
        weight = next(model.vision.parameters())
        views = torch.from_numpy(np.frombuffer(pixels, np.float32).reshape(shape).copy())
        slots = np.frombuffer(landmarks, np.int32).reshape(shape[0], -1, 68, 2).copy()
        _, _, attention, present = model.vision.see(
            views.to(weight.device, weight.dtype), torch.from_numpy(slots).to(weight.device)
        )
        side = model.config.vision_config.grid_size
        full = (*present.shape, len(REGIONS), side, side)
        maps = torch.zeros(full) if attention is None else attention.reshape(full)
        return maps.float().cpu().numpy().tobytes(), list(full)
