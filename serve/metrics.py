"""Counters of our own beside vLLM's on /metrics. They count; nothing of a picture is in them."""

from prometheus_client import Counter, Histogram

PICTURES = Counter("facellm_pictures", "Pictures that a finder has looked at")
FACES = Counter("facellm_faces_found", "Faces that it found in them")
FINDER_SECONDS = Histogram(
    "facellm_finder_seconds",
    "Seconds for one picture",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
UNREAD = Counter("facellm_unread_answers", "Answers that could not be read", ["part"])
REFUSED = Counter("facellm_pictures_refused", "Pictures that could not be read")
DECODERS_LOST = Counter("facellm_decoders_lost", "Decoder processes that ended on a picture")
