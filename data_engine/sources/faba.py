"""FABA-Instruct (Li et al., ECCV 2024): faces of AffectNet with prose on emotion and action units.

    path/train/{train_au_anno,train_emotion_anno}.json      path/train/images/…
    path/eval/{eval_au_anno,eval_emotion_anno}.json         path/eval/images/…

A record has `source`, `image` (such as `FABAInstruct/train/images/…`, from the folder above
`path`), `id`, `conversations` as in LLaVA, and `landmark`, which is not read. A language model
wrote the texts from the pictures: they are weak, and nothing is taken out of them as a label.
The pictures are AffectNet's and come under its terms. Layout as the authors describe it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from data_engine.sources.conversations import Imported, Told, unique_ids
from data_engine.sources.entries import JsonRecord, json_records
from data_engine.sources.turns import read_turns
from facellm.core.splits import Split

Kind = Literal["au", "emotion"]
TASKS: dict[Kind, str] = {"au": "action_unit_description", "emotion": "emotion_description"}


class Faba(Imported):
    """Rows of one question and one description; `path` is the folder FABAInstruct."""

    name = "faba"
    licence = "not stated; pictures: AffectNet terms, research use"
    splits: ClassVar[dict[str, Split]] = {"train": "train", "eval": "test"}

    kinds: tuple[Kind, ...] = ("au", "emotion")
    """Descriptions of action units, of the emotion, or both."""

    def records(self) -> Iterator[JsonRecord]:
        """The records file by file; an id is unique in its file only."""
        for part in filter(self.wants, self.splits):
            for kind in self.kinds:
                file = self.path / part / f"{part}_{kind}_anno.json"
                yield from unique_ids(json_records(file), "id")

    def tell(self, record: JsonRecord) -> Told:
        """The conversation as it stands."""
        part, kind, _ = record.file.stem.split("_")
        return Told(
            turns=read_turns(record, record.values.get("conversations")),
            task=TASKS["au" if kind == "au" else "emotion"],
            images=[self._picture(record, name) for name in record.texts("image")],
            split=self.splits[part],
            teacher="GPT-4V",
        )

    def _picture(self, record: JsonRecord, name: str) -> Path:
        """The picture of a path that starts with the folder's first name, whatever it is now."""
        inside = Path(name).parts
        if len(inside) < 2 or inside[1] not in self.splits:
            raise record.error(
                f"image is {name!r}; expected such as 'FABAInstruct/train/images/1194/4dfc.jpg'"
            )
        return self.path.joinpath(*inside[1:])
