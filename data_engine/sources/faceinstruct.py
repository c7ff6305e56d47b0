"""Records in the style of FaceInstruct-1M (Face-LLaVA, Chaubey et al., WACV 2026).

    [{"id": …, "image" or "video": "a.mp4", "conversations": [{"from": "human", "value":
      "<video>\\nWhat is the emotion?"}, {"from": "gpt", "value": "…"}], "landmarks_2d": "a.npy"}]

The set itself is not published; this is what the authors' training code reads. `landmarks_2d`
and `face_mask` are files of theirs and are not read. A language model wrote the texts from the
labels and the picture, so the rows are weak.
"""

from collections.abc import Iterator
from pathlib import Path

from data_engine.sources.conversations import Imported, Told, files_of
from data_engine.sources.entries import JsonRecord, json_files, json_records
from data_engine.sources.turns import read_turns


class FaceInstruct(Imported):
    """Rows about a picture or a clip; `path` is a json file or a folder of them.

    The ids of the set are not read: its own code numbers the records anew.
    """

    name = "faceinstruct"
    licence = "USC research licence: research and non-profit use"

    media: Path | None = None
    """Folder that the paths of pictures and clips are relative to; null takes each file's."""

    def records(self) -> Iterator[JsonRecord]:
        """The records of all files."""
        for file in json_files(self.path):
            yield from json_records(file)

    def tell(self, record: JsonRecord) -> Told:
        """The conversation as it stands."""
        folder = record.file.parent if self.media is None else self.media
        return Told(
            turns=read_turns(record, record.values.get("conversations")),
            task="conversation",
            images=files_of(record, folder, "image"),
            videos=files_of(record, folder, "video"),
            teacher="Gemini",
        )
