"""Where the faces are: loading pictures, finding faces, 68 points each."""

from facellm.faces.finder import FINDERS, Finder, GivenFinder, load_finder
from facellm.faces.image import MAX_PIXELS, ImageSource, load_image

__all__ = [
    "FINDERS",
    "MAX_PIXELS",
    "Finder",
    "GivenFinder",
    "ImageSource",
    "load_finder",
    "load_image",
]
