"""Data synthesis: sources, the rig, and later captions, chains of thought and QA."""
