"""Serving: the vLLM plugin, the face API and its launcher."""
