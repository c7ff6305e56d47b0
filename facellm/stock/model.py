"""What the five families share: where landmarks enter a stock model and where they act.

    forward(…, landmarks) ─► get_image_features(…, landmarks) ─► tower ─► [guide] ─► merger ─► LM

Each family subclasses the stock classes and changes two things: the call takes `landmarks`, and the
patch features pass `guide` on their way into the merger or projector. Parameters keep their names,
so a stock checkpoint and its adapters fit; the region encoder is one more module.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from facellm.core.errors import FaceLLMError
from facellm.stock.encoder import FaceRegionConfig, FaceRegionEncoder

TRL_NAME = "image_position_ids"
"""Another name landmarks may come under: TRL's GRPO hands on only tensors whose names it knows."""

IN_FLOAT32 = r"region_encoder\.(?!.+\.index$)"
"""What stays float32 in a model loaded in half precision; whole numbers stay what they are."""


class FaceConfig:
    """Mixin of a stock configuration that also holds the region encoder's, as `region_config`."""

    # TRL looks a custom architecture up through `auto_map` when its class is not in transformers.
    auto_map: ClassVar[dict[str, Any]] = {}

    def __post_init__(self, **kwargs: Any) -> None:
        # The stock class hands settings on to its parts: they must be parts by then.
        if isinstance(self.region_config, dict):  # type: ignore[has-type]
            self.region_config = FaceRegionConfig(**self.region_config)
        super().__post_init__(**kwargs)  # type: ignore[misc]
        if self.region_config is None:
            self.region_config = FaceRegionConfig(**self.region_shape())

    def region_shape(self) -> dict[str, int]:
        """`hidden_size` and `levels` of the region encoder that fits this model's tower."""
        return {"hidden_size": self.vision_config.hidden_size}  # type: ignore[attr-defined]


class Showing(NamedTuple):
    """What the tower is being shown."""

    landmarks: Tensor
    grid: Any
    """What the family needs to know about the views' shapes."""


class FaceModel(nn.Module):
    """Mixin of a stock model without its head: all vision work is here, trainers call this one."""

    region_encoder: FaceRegionEncoder
    _keep_in_fp32_modules_strict: ClassVar[set[str]] = {IN_FLOAT32}

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.add_regions()

    def add_regions(self) -> None:
        """Attach a new region encoder to a model whose class is this one already."""
        self.region_encoder = FaceRegionEncoder(self.config.region_config)
        self._given: dict[str, Tensor | None] = {}
        self._showing: Showing | None = None
        self._maps: list[Tensor] | None = None
        self.watch()

    def watch(self) -> None:
        """Put `guide` where the patch features pass."""
        raise NotImplementedError

    def guide(self, level: int, features: Tensor) -> Tensor:
        """Patch features on their way into merger `level`, guided by the faces being shown."""
        raise NotImplementedError

    def _before(self, level: int, module: nn.Module, args: tuple[Any, ...]) -> Any:
        """Forward pre-hook of a merger or projector."""
        if self._showing is None:
            return None
        return (self.guide(level, args[0]), *args[1:])

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, FaceRegionEncoder):
            # Called after its parts; puts back what the stock model's rules did to them.
            module.load_state_dict(FaceRegionEncoder(self.config.region_config).state_dict())
        else:
            super()._init_weights(module)  # type: ignore[misc]

    def forward(
        self,
        *args: Any,
        landmarks: Tensor | None = None,
        landmarks_videos: Tensor | None = None,
        image_position_ids: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """The stock model's forward; see `takes_landmarks`."""
        landmarks = image_position_ids if landmarks is None else landmarks
        self._given = {"image": landmarks, "video": landmarks_videos}
        try:
            return super().forward(*args, **kwargs)
        finally:
            self._given = {}

    @contextmanager
    def show(
        self, landmarks: Tensor | None, grid: Any = None, kind: str = "image"
    ) -> Iterator[None]:
        """While open, the tower sees pictures with these landmarks, or those `forward` was given.

        The stock code may call itself on the way: what is shown outside stays shown inside.
        """
        outer, given = self._showing, self._given
        landmarks = given.get(kind) if landmarks is None else landmarks
        self._given = {}
        if landmarks is not None:
            self._showing = Showing(landmarks, grid)
        try:
            yield
        finally:
            self._showing, self._given = outer, given

    def note(self, level: int, maps: Tensor) -> None:
        """Keep the read-out attention of the last level, if somebody asked for it."""
        if self._maps is not None and level == self.config.region_config.levels - 1:
            self._maps.append(maps)

    @contextmanager
    def noting(self) -> Iterator[list[Tensor]]:
        """The list that `note` fills while open."""
        self._maps = []
        try:
            yield self._maps
        finally:
            self._maps = None


class FaceForConditionalGeneration:
    """Mixin of a whole stock model."""

    inner_class: ClassVar[type[FaceModel]]
    _keep_in_fp32_modules_strict: ClassVar[set[str]] = {IN_FLOAT32}

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        self.add_regions()

    def add_regions(self) -> None:
        """Make the stock model inside one that takes landmarks, without copying its weights."""
        self.model: Any
        self.model.__class__ = self.inner_class
        self.model.add_regions()

    @torch.no_grad()
    def evidence_maps(self, **inputs: Any) -> list[Tensor]:
        """Where each region token looked, from the processor's outputs.

        Returns:
            A tensor (views, max_faces, 15, rows, columns) for each run of views of one shape, in
            order; a view is a picture, a frame or a tile. Each map sums to 1, empty slots to 0.
        """
        names = inspect.signature(self.model.get_image_features).parameters
        with self.model.noting() as maps:
            self.model.get_image_features(**{k: v for k, v in inputs.items() if k in names})
        return maps


FORWARD = ("landmarks", "landmarks_videos", TRL_NAME)
IMAGES = ("landmarks", TRL_NAME)


def takes_landmarks(
    stock: Callable[..., Any],
    ours: Callable[..., Any] | None = None,
    names: tuple[str, ...] = FORWARD,
) -> Callable[..., Any]:
    """A stock method that also takes landmarks, and says so.

    `landmarks`: int32, (views, max_faces, 68, 2) with the leading dimensions of `pixel_values` (of
    `image_grid_thw` in Qwen's models), 1e-4 of the view's width and height, `ABSENT` in empty
    slots.
    `landmarks_videos`: the same for the frames of videos. `image_position_ids`: another name for
    `landmarks`. Without them the model is the stock model.

    `generate` and trainers read signatures and silently drop what is not in them, so the stock
    one is spelled out and extended.

    Args:
        stock: whose signature it is.
        ours: what is called; the stock method where None.
        names: the arguments added.
    """
    called = stock if ours is None else ours

    @wraps(stock)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs = {k: v for k, v in kwargs.items() if k not in names or v is not None}
        return called(self, *args, **kwargs)

    signature = inspect.signature(stock)
    parameters = list(signature.parameters.values())
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, keyword, default=None) for name in names]
    last = len(parameters) - (parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
    parameters[last:last] = added
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return method


def check_views(landmarks: Tensor, views: int) -> Tensor:
    """Landmarks as (views, F, 68, 2).

    Raises:
        FaceLLMError: another number of views than the tower sees.
    """
    flat = landmarks.reshape(-1, *landmarks.shape[-3:])
    if len(flat) != views:
        raise FaceLLMError(
            f"landmarks were given for {len(flat)} views but the tower sees {views}; "
            "pass the processor's outputs together"
        )
    return flat
