"""FairFaceGPT (FaceLLM, Otroshi Shahreza & Marcel, 2025): eight questions a face of FairFace.

    path/dataset.json       [{"image": "val/1.jpg", "conversations": [{"from": "human", "value":
                              "<image>Describe the skin texture …"}, {"from": "assistant", …}]}]

The pictures are FairFace's `fairface_img_margin025`, named by `media`. GPT-4o wrote the answers,
told the labels for age, gender and race; nothing checked them, so the rows are weak. They are all
of FairFace's validation part: do not score a model trained on them on FairFace. The keys are those
of the authors' training configuration; that paths start with `val/` is our reading of their code.
"""

from collections.abc import Iterator
from pathlib import Path

from data_engine.sources.base import existing
from data_engine.sources.conversations import Imported, Told, files_of, unique_ids
from data_engine.sources.entries import JsonRecord, json_records
from data_engine.sources.turns import place_tags, read_turns
from facellm.core.sample import Provenance


class FairFaceGpt(Imported):
    """Rows of one question and one description; `path` is the folder or the json file."""

    name = "fairfacegpt"
    licence = "FairFaceGPT: not stated; pictures: FairFace, CC BY 4.0"

    media: Path
    """FairFace's folder of pictures, which holds `val/`."""

    def records(self) -> Iterator[JsonRecord]:
        """The records of the one file."""
        existing(self.media, "expected FairFace's pictures, fairface_img_margin025")
        file = self.path / "dataset.json" if self.path.is_dir() else self.path
        yield from unique_ids(json_records(file), "id")

    def tell(self, record: JsonRecord) -> Told:
        """The conversation; the picture comes first where no tag places it."""
        turns = read_turns(record, record.values.get("conversations"))
        images = files_of(record, self.media, "image", "images")
        return Told(
            turns=place_tags(turns, len(images), 0),
            task="face_description",
            images=images,
            teacher="gpt-4o-2024-11-20",
        )

    def provenance(self, subject: str) -> Provenance:
        """A picture is the subject, by the id it has in FairFace too: both stay in one split."""
        person = subject.replace(f"{self.name}-", "fairface-", 1)
        return super().provenance(person)
