"""Fetch the mediapipe finder's model files, on request only, and check what arrived.

python -m facellm.faces.download FOLDER
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import httpx

from facellm.core.errors import FaceLLMError


class ModelFile(NamedTuple):
    """A file as its authors publish it."""

    name: str
    url: str
    sha256: str
    licence: str


MODELS = (
    ModelFile(
        "face_landmarker.task",
        "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
        "face_landmarker.task",
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        "Apache-2.0 (MediaPipe)",
    ),
    ModelFile(
        "face_detection_yunet_2026may.onnx",
        "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
        "face_detection_yunet_2026may.onnx",
        "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        "MIT (OpenCV Zoo)",
    ),
)


def download_models(folder: Path, client: httpx.Client | None = None) -> list[Path]:
    """Fetch the files that are not in `folder` yet; a file appears only when its checksum is right.

    Raises:
        FaceLLMError: no connection, or a file that is not the one expected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    client = client or httpx.Client(follow_redirects=True, timeout=60)
    with client:
        for model in MODELS:
            path = folder / model.name
            if not path.is_file() or _sha256(path.read_bytes()) != model.sha256:
                _fetch(client, model, path)
            paths.append(path)
    return paths


def _fetch(client: httpx.Client, model: ModelFile, path: Path) -> None:
    try:
        answer = client.get(model.url)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        reason = type(error).__name__
        raise FaceLLMError(f"cannot fetch {model.url} ({reason}); copy it to {path}") from None
    if (digest := _sha256(answer.content)) != model.sha256:
        raise FaceLLMError(
            f"{model.url} has sha256 {digest[:12]}…, expected {model.sha256[:12]}…; not stored"
        )
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(answer.content)
    part.replace(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="facellm.faces.download", description=__doc__)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args(arguments)
    try:
        for path in download_models(args.folder):
            print(path)
    except FaceLLMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
