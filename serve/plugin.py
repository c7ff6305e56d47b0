"""The entry point vLLM calls in each of its processes: makes the model known, and nothing else."""


def register() -> None:
    """Register configuration, processor and model; may be called any number of times."""
    from vllm import ModelRegistry
    from vllm.platforms import current_platform

    import facellm.model  # noqa: F401  (registers with the Auto classes of transformers)

    name = "FaceLLMForConditionalGeneration"
    if name in ModelRegistry.get_supported_archs():
        return
    if current_platform.is_cpu():
        # A class is inspected in place; a name costs another interpreter on the first start.
        from serve.vllm_model import FaceLLMForVLLM

        ModelRegistry.register_model(name, FaceLLMForVLLM)
    else:
        # Importing layers may touch the device, which must not happen before vLLM forks.
        ModelRegistry.register_model(name, "serve.vllm_model:FaceLLMForVLLM")
