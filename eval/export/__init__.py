"""Our benchmarks for other runners: a folder for lmms-eval, a table for VLMEvalKit."""
