"""Executors: who does the shards of a stage. One function each, with the same output.

run_shards(job, shards, workers) -> markers of finished shards, in any order
"""
