"""Benchmarks, metrics and reports: how well a model reads faces, and whether to trust it."""
