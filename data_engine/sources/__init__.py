"""Datasets as samples: one file a source, reading the set's own layout and label names."""
