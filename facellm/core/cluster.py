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
        FaceLLMError: Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray starts workers at the lowest priorities: on a busy machine they would hardly come up.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise FaceLLMError(
            "executor ray needs Ray; install it with: pip install 'facellm[cluster]'"
        ) from None
    if not ray.is_initialized():
        here: dict[str, Any] = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers}
        ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False, **here)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray
