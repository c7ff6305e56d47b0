"""Ray, connected: the cluster that `RAY_ADDRESS` names, else one on this machine."""

import logging
import os
from typing import Any

from facellm.core.errors import FaceLLMError


def connected(workers: int) -> Any:
    """The `ray` module, connected, and as quiet as a run's own progress demands.

    Args:
        workers: CPUs of a cluster that is started here.

    Raises:
        FaceLLMError: Ray is not installed, or does not start or answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray starts workers at the lowest priorities: on a busy machine they would hardly come up.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
    except ImportError:
        raise FaceLLMError(
            "executor ray needs Ray; install it with: pip install 'facellm[cluster]'"
        ) from None
    if not ray.is_initialized():
        _join(ray, workers)
    return ray


def _join(ray: Any, workers: int) -> None:
    address = os.environ.get("RAY_ADDRESS")
    here = {} if address else {"num_cpus": workers}
    try:
        ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False, **here)
    except Exception as error:  # a bare one where a process of Ray's is late on a busy machine
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        tried = f"answer at RAY_ADDRESS={address}" if address else "start on this machine"
        raise FaceLLMError(
            f"Ray does not {tried}: {reason}; try again when it is less busy, or work without Ray"
        ) from None
