"""Datasets as samples: one file a source, reading the set's own layout and label names.

`SOURCES` names the built-in ones; any other is named `module:Class` in a recipe.
"""

from data_engine.named import load_class
from data_engine.sources.base import Source

SOURCES: dict[str, str] = {
    "affectnet": "data_engine.sources.affectnet:AffectNet",
    "affectnet8": "data_engine.sources.affectnet8:AffectNet8",
    "alpaca": "data_engine.sources.alpaca:Alpaca",
    "bp4d": "data_engine.sources.bp4d:Bp4d",
    "celeba": "data_engine.sources.celeba:CelebA",
    "clips": "data_engine.sources.clips:Clips",
    "corpus": "data_engine.sources.corpus:Corpus",
    "crema_d": "data_engine.sources.crema_d:CremaD",
    "csv": "data_engine.sources.csv_table:Csv",
    "dfew": "data_engine.sources.dfew:Dfew",
    "disfa": "data_engine.sources.disfa:Disfa",
    "emonet_face": "data_engine.sources.emonet_face:EmonetFace",
    "emotionet": "data_engine.sources.emotionet:EmotioNet",
    "faba": "data_engine.sources.faba:Faba",
    "faceforensics": "data_engine.sources.faceforensics:FaceForensics",
    "faceinstruct": "data_engine.sources.faceinstruct:FaceInstruct",
    "fairface": "data_engine.sources.fairface:FairFace",
    "fairfacegpt": "data_engine.sources.fairfacegpt:FairFaceGpt",
    "fea20k": "data_engine.sources.fea20k:Fea20k",
    "fer2013": "data_engine.sources.fer2013:Fer2013",
    "fer2013_folders": "data_engine.sources.fer2013:Fer2013Folders",
    "ferplus": "data_engine.sources.ferplus:FerPlus",
    "folder": "data_engine.sources.folder:Folder",
    "hub": "data_engine.sources.hub:Hub",
    "lfw_emotion": "data_engine.sources.lfw_emotion:LfwEmotion",
    "mafw": "data_engine.sources.mafw:Mafw",
    "morph2": "data_engine.sources.morph2:Morph2",
    "parquet": "data_engine.sources.parquet_table:Parquet",
    "raf_au": "data_engine.sources.raf_au:RafAu",
    "raf_db": "data_engine.sources.raf_db:RafDb",
    "raf_db_compound": "data_engine.sources.raf_db:RafDbCompound",
    "rig": "data_engine.sources.rig:Rig",
    "sharegpt": "data_engine.sources.sharegpt:ShareGpt",
    "utkface": "data_engine.sources.utkface:UtkFace",
}
"""Short name → `module:Class`; strings keep the import of one source from costing all others."""


def load_source(name: str) -> type[Source]:
    """The class a recipe names; errors are those of `data_engine.named.load_class`."""
    found: type[Source] = load_class(name, SOURCES, Source, "source")
    return found
