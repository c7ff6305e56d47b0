"""The entry point vLLM calls in each of its processes: makes the models known, and nothing else."""

from importlib import import_module

MODELS = {
    "FaceLLMForConditionalGeneration": "serve.vllm_model:FaceLLMForVLLM",
    "FaceQwen3VLForConditionalGeneration": "serve.vllm_qwen3_vl:FaceQwen3VLForVLLM",
}
"""Architecture a checkpoint names, and the class that runs it in vLLM."""


def register() -> None:
    """Register configurations, processors and models; may be called any number of times."""
    from vllm import ModelRegistry
    from vllm.platforms import current_platform

    import facellm.model
    import facellm.stock  # noqa: F401  (both register with the Auto classes of transformers)

    if current_platform.is_cpu():
        # Small functions beside the model: compiled, the first report waits for a C++ compiler,
        # for ten seconds and more, and there has to be one.
        type(current_platform).simple_compile_backend = "eager"
    known = ModelRegistry.get_supported_archs()
    for name, place in MODELS.items():
        if name in known:
            continue
        if current_platform.is_cpu():
            # A class is inspected in place; a name costs another interpreter on the first start.
            module, _, made = place.partition(":")
            ModelRegistry.register_model(name, getattr(import_module(module), made))
        else:
            # Importing layers may touch the device, which must not happen before vLLM forks.
            ModelRegistry.register_model(name, place)
