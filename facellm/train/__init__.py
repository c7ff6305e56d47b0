"""Training: first to see through the landmarks' regions, then to speak about what is seen."""

from facellm.train.run import run

__all__ = ["run"]
