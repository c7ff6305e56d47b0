"""Captioning many pictures and clips into one table: resumable, in bounded memory.

inputs ── stream of frames ── groups: find faces ahead, describe ── rows
       ── parts on disk, each with the place to go on from ── one table, errors, summary
"""

from facellm.batch.job import Job, Settings, caption
from facellm.batch.local import LocalCaptioner

__all__ = ["Job", "LocalCaptioner", "Settings", "caption"]
