"""Clips are decoded by `facellm.faces.video`, which every room shares."""

from facellm.faces.video import INSTALL, TRUNCATED, Moment, frames

__all__ = ["INSTALL", "TRUNCATED", "Moment", "frames"]
