"""Two pictures as one, so that every model that sees one picture can compare them.

    python -m eval.side_by_side CORPUS OUT

Of a rigbench's pairs each becomes one picture, the unit switched off in the one face and on in the
other; where a corpus has no pairs, pictures of one person are joined as they come. Which of the two
stands on the left is drawn, so that the side says nothing. OUT is a corpus like any other: the left
face is face 1; ask about it with the task `comparison`.
"""

import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from PIL import Image

from eval.pairs import read_pairs, sets_of
from facellm.core.errors import FaceLLMError, one_line
from facellm.core.sample import Face, Sample, read_samples, write_samples
from facellm.faces import load_image


def side_by_side(corpus: Path, out: Path, seed: int = 0) -> Path:
    """Write a corpus of joined pictures; returns its folder.

    Args:
        corpus: folder with `samples.jsonl`, and `pairs.jsonl` where it has pairs.
        out: folder to write.
        seed: draws the sides and, without pairs, who is joined with whom.

    Raises:
        FaceLLMError: no two pictures of one face each that belong together, or a picture that
            cannot be read.
    """
    rng = random.Random(seed)
    (out / "images").mkdir(parents=True, exist_ok=True)
    samples = []
    for number, two in enumerate(_together(corpus, rng)):
        left, right = rng.sample(two, 2)
        samples.append(_joined(corpus, out, f"images/{number:05}.png", left, right))
    if not samples:
        raise FaceLLMError(
            f"{corpus} has no two pictures of one person and split that show one face each; "
            "expected pairs.jsonl, or several pictures of a person"
        )
    write_samples(out / "samples.jsonl", samples)
    return out


def _together(corpus: Path, rng: random.Random) -> Iterator[list[Sample]]:
    """Pictures that belong together, two at a time, in an order that no machine decides."""
    alone = [sample for sample in read_samples(corpus) if len(sample.faces) == 1]
    if (corpus / "pairs.jsonl").is_file():
        known = {sample.id: sample for sample in alone}
        for pair in read_pairs(corpus):
            if pair.off in known and pair.on in known:
                yield [known[pair.off], known[pair.on]]
        return
    sets = sets_of(corpus, alone)
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in sorted(alone, key=lambda sample: sample.id):
        name = sets.get(sample.id, f"of {sample.provenance.subject_id}")
        groups.setdefault((name, sample.split), []).append(sample)
    for group in groups.values():
        rng.shuffle(group)
        yield from (group[n : n + 2] for n in range(0, len(group) - 1, 2))


def _joined(corpus: Path, out: Path, name: str, left: Sample, right: Sample) -> Sample:
    images = [load_image(corpus / sample.image) for sample in (left, right)]
    height = max(image.height for image in images)
    scales = [height / image.height for image in images]
    widths = [round(image.width * scale) for image, scale in zip(images, scales, strict=True)]
    canvas = Image.new("RGB", (sum(widths), height))
    faces = []
    for n, sample in enumerate((left, right)):
        start = widths[0] * n
        canvas.paste(images[n].resize((widths[n], height)), (start, 0))
        faces.append(_moved(sample.faces[0], scales[n], start))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    data = buffer.getvalue()
    (out / name).write_bytes(data)
    changed = {"id": hashlib.sha256(data).hexdigest()[:16], "image": name, "faces": faces}
    return left.model_copy(update={**changed, "pair": None})


def _moved(face: Face, scale: float, start: float) -> Face:
    def placed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(round(x * scale + start, 2), round(y * scale, 2)) for x, y in points]

    x0, y0, x1, y1 = face.box
    (left, top), (right, bottom) = placed([(x0, y0), (x1, y1)])
    changed: dict[str, object] = {"box": (left, top, right, bottom)}
    if face.points is not None:
        changed["points"] = placed(face.points)
    return face.model_copy(update=changed)


def main(corpus: Path, out: Path, seed: int = 0) -> None:
    """Join the pictures of CORPUS two by two into OUT."""
    with one_line("side_by_side"):
        side_by_side(corpus, out, seed)


if __name__ == "__main__":
    typer.run(main)
