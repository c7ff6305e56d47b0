"""Label a folder of pictures with a strong finder, to train the built-in one or as a first guess.

    python -m facellm.faces.label PICTURES --out CORPUS --finder mediapipe --finder-model MODELS

writes `CORPUS/samples.jsonl`; the pictures stay where they are and are named relative to it.
"""

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from facellm.core.errors import FaceLLMError, given
from facellm.core.sample import Provenance, Sample, write_samples
from facellm.faces.finder import FINDERS, Finder, load_finder
from facellm.faces.image import load_image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
TRAIN_SHARE = 0.85


def split_of(subject: str) -> Literal["train", "test"]:
    """Put a person into a split by the hash of the name alone: it never changes with the set."""
    digest = int(hashlib.sha256(subject.encode()).hexdigest()[:8], 16)
    return "train" if digest < TRAIN_SHARE * 2**32 else "test"


def subject_of(path: Path, pattern: str) -> str:
    """The person's name: the first group of `pattern` in the file's stem, else the whole stem."""
    match = re.match(pattern, path.stem)
    return match.group(1) if match and match.groups() else path.stem


def label_folder(
    pictures: Path, out: Path, finder: Finder, provenance: Provenance, subject: str = r"(.*)"
) -> Iterator[Sample]:
    """Yield a sample a readable picture below `pictures`, faces or none; bad files go to stderr.

    Args:
        pictures: folder, searched with its subfolders.
        out: folder of the sample file, which the stored paths are relative to.
        finder: who says where the faces are.
        provenance: source and licence; its subject is replaced by each picture's own.
        subject: regular expression whose first group is the person's name in the file's stem.
    """
    if not pictures.is_dir():
        raise FaceLLMError(f"no such folder: {given(pictures)}; expected a folder of pictures")
    for path in sorted(p for p in pictures.rglob("*") if p.suffix.lower() in SUFFIXES):
        try:
            image = load_image(path)
        except FaceLLMError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        person = subject_of(path, subject)
        yield Sample(
            id=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
            image=Path(os.path.relpath(path, out)).as_posix(),
            faces=finder.find(image),
            provenance=provenance.model_copy(update={"subject_id": person}),
            split=split_of(person),
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="facellm.faces.label", description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--finder", choices=FINDERS, default="mediapipe")
    parser.add_argument("--finder-model", type=Path)
    parser.add_argument("--source", help="name of the set; the folder's name if left out")
    parser.add_argument("--licence", default="not stated")
    parser.add_argument("--subject", default=r"(.*)", help="regular expression, group 1: person")
    args = parser.parse_args(arguments)
    try:
        finder = load_finder(args.finder, args.finder_model)
        source = args.source or args.pictures.resolve().name
        provenance = Provenance(source=source, licence=args.licence, subject_id="")
        args.out.mkdir(parents=True, exist_ok=True)
        samples = label_folder(args.pictures, args.out, finder, provenance, args.subject)
        count = write_samples(args.out / "samples.jsonl", samples)
    except FaceLLMError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{count} pictures labelled in {args.out / 'samples.jsonl'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
