"""What the generic sources of conversations share: where records, pictures and ids are."""

from abc import ABC
from collections.abc import Iterator
from pathlib import Path

from data_engine.sources.conversations import Imported, Told, files_of, unique_ids
from data_engine.sources.entries import JsonRecord, json_files, json_records
from data_engine.sources.generic import Generic, split_word
from data_engine.sources.turns import Turn, place_tags


class Chats(Imported, Generic, ABC):
    """A json or jsonl file of conversations, or a folder of such files."""

    media: Path | None = None
    """Folder that the paths of pictures are relative to; null takes that of each file."""
    teacher: str = "not stated"
    """Who wrote the answers, for the rows' making."""
    weak: bool = False
    """Whether the answers rest on what a model saw in the pictures."""
    id_key: str | None = "id"
    """Key that tells the records of one file apart; null where it may repeat."""
    subject_key: str | None = None
    """Key of the person shown, whom splits keep together; null takes the first picture."""
    split_key: str | None = None
    """Key of the split; null splits by subject."""
    add_tags: bool = False
    """Whether pictures go before the first question where no text has a tag."""

    def records(self) -> Iterator[JsonRecord]:
        """The records of all files."""
        for file in json_files(self.path):
            yield from unique_ids(json_records(file), self.id_key)

    def told(self, record: JsonRecord, turns: list[Turn]) -> Told:
        """The conversation with the record's pictures, split and subject."""
        folder = record.file.parent if self.media is None else self.media
        images = files_of(record, folder, "images", "image")
        videos = files_of(record, folder, "videos", "video")
        split = record.text(self.split_key) if self.split_key else ""
        return Told(
            turns=place_tags(turns, len(images), len(videos)) if self.add_tags else turns,
            task="conversation",
            images=images,
            videos=videos,
            split=split_word(split, record.where),
            subject=record.text(self.subject_key) if self.subject_key else None,
            teacher=self.teacher,
            weak=self.weak,
        )
