"""Models under test: ours in this process, any OpenAI-compatible endpoint, stored predictions."""
