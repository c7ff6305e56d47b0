"""Executors: where shards are worked on, local processes or a Ray cluster."""
