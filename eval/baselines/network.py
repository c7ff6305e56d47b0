"""A timm network on face crops: random weights, or those of a checkpoint file; no downloads.

Data loading, augmentation, loss, optimiser and schedule are timm's own, imported when needed.
"""

# mypy: disable-error-code="attr-defined,no-untyped-call"
# timm has no types of its own and re-exports everything implicitly.

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from tqdm import tqdm

from eval.baselines.faces import FaceRow, as_rows, classes_of, crops
from facellm.core.errors import FaceLLMError, given
from facellm.core.recipe import Part

INSTALL = "the timm baseline needs a package: pip install timm"
MARGIN = 1.15
"""Crops are stored so much wider than shown, so that training can shift and scale them."""


class Network(Part):
    """A classifier of the timm library."""

    kind: Literal["timm"] = "timm"
    model: str = "resnet18"
    options: dict[str, Any] = {}  # noqa: RUF012  (pydantic copies defaults)
    """Further arguments of `timm.create_model`, such as `{patch_size: 8, img_size: 64}`."""
    checkpoint: Path | None = None
    """Local weights to start from; their last layer is left out where its classes differ."""
    side: int = Field(default=64, gt=15)
    """Edge of the crops the network sees, pixels."""
    epochs: int = Field(default=30, gt=0)
    batch_size: int = Field(default=64, gt=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Of the labels."""
    balance: float = Field(default=0.5, ge=0, le=1)
    """Emotions are drawn in proportion to frequency ** (1 - balance); 1 draws all equally often."""
    device: str = "cpu"
    workers: int = Field(default=0, ge=0)
    seed: int = 0

    def predict(
        self, train: Sequence[FaceRow], asked: Sequence[FaceRow], folder: Path
    ) -> list[dict[str, float]]:
        """See `eval.baselines.faces.Baseline`; the last epoch predicts, whatever it scores.

        Raises:
            FaceLLMError: no timm, an unknown model, or a checkpoint that does not fit.
        """
        try:
            import timm
            import timm.utils
        except ImportError:
            raise FaceLLMError(INSTALL) from None
        timm.utils.random_seed(self.seed)
        classes = classes_of(train)
        network = self._create(timm, len(classes)).to(self.device)
        labels = np.asarray([classes.index(row.emotion) for row in train])
        wide = round(self.side * MARGIN)
        self._train(network, _Faces(crops(train, wide), labels))
        found = self._probabilities(network, crops(asked, wide))
        return as_rows(classes, found)

    def _create(self, timm: Any, classes: int) -> Any:
        options: dict[str, Any] = dict(self.options)
        if self.checkpoint is not None:
            if not self.checkpoint.is_file():
                raise FaceLLMError(
                    f"no checkpoint {given(self.checkpoint)}; expected a local file of weights"
                )
            options |= {
                "pretrained": True,
                "pretrained_cfg_overlay": {"file": str(self.checkpoint)},
            }
        try:
            return timm.create_model(self.model, num_classes=classes, **options)
        except (RuntimeError, ValueError, TypeError, KeyError) as error:
            reason = " ".join(str(error).split())[:160]
            raise FaceLLMError(f"cannot build {given(self.model)}: {reason}") from None

    def _train(self, network: Any, faces: Any) -> None:
        from timm.data import create_loader
        from timm.loss import LabelSmoothingCrossEntropy
        from timm.optim import create_optimizer_v2
        from timm.scheduler import create_scheduler_v2

        loader = create_loader(
            faces,
            input_size=(3, self.side, self.side),
            batch_size=min(self.batch_size, len(faces)),
            is_training=True,
            scale=(0.6, 1.0),
            ratio=(0.85, 1.18),
            auto_augment="rand-m7-mstd0.5-inc1",
            re_prob=0.25,
            num_workers=self.workers,
            use_prefetcher=False,
        )
        optimizer = create_optimizer_v2(
            network, opt="adamw", lr=self.learning_rate, weight_decay=self.weight_decay
        )
        warmup = min(3, self.epochs // 5)
        scheduler, _ = create_scheduler_v2(
            optimizer, num_epochs=self.epochs, warmup_epochs=warmup, min_lr=1e-6
        )
        loss_of = LabelSmoothingCrossEntropy(self.smoothing)
        network.train()
        rng = np.random.default_rng(self.seed)
        epochs = tqdm(range(self.epochs), desc=self.model, unit="epoch", disable=None)
        for epoch in epochs:
            faces.draw(rng, self.balance)
            scheduler.step(epoch)
            total = 0.0
            for images, labels in loader:
                loss = loss_of(network(images.to(self.device)), labels.to(self.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach())
            epochs.set_postfix(loss=f"{total / max(1, len(loader)):.3f}")

    def _probabilities(self, network: Any, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, K); the mean over the picture and its mirror image."""
        from timm.data import create_transform

        shown = create_transform(self.side, is_training=False, crop_pct=1 / MARGIN)
        network.eval().requires_grad_(False)
        found = []
        for array in images:
            image = Image.fromarray(array)
            batch = shown(image)[None].to(self.device)
            both = network(batch).softmax(1) + network(batch.flip(3)).softmax(1)
            found.append(both[0].cpu().numpy().astype(np.float64) / 2)
        return np.stack(found)


class _Faces:
    """What timm's loader takes for a dataset: crops, drawn anew each epoch."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        self.images = images
        self.labels = labels
        self.order = np.arange(len(labels))
        self.transform: Any = None
        """Set by the loader."""

    def draw(self, rng: np.random.Generator, balance: float) -> None:
        """Choose the faces of an epoch, rare emotions more often than they occur."""
        counts = np.bincount(self.labels).astype(np.float64)
        weight = counts[self.labels] ** -balance
        self.order = rng.choice(len(self.labels), len(self.labels), p=weight / weight.sum())

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        n = self.order[place]
        return self.transform(Image.fromarray(self.images[n])), int(self.labels[n])
