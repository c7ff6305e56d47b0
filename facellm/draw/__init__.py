"""Drawing a report on its picture. Pillow and numpy only.

picture + boxes, points ─┐
a card for each face ────┴─► one picture, at most about 1600 pixels on a side
"""

from facellm.draw.sheet import annotate

__all__ = ["annotate"]
