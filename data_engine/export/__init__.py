"""Export a finished corpus: parquet, ShareGPT, dataset card.

    from data_engine.export import export
    print(export(Path("runs/faces"), {"forms": ["chat", "rl"], "name": "faces"}))

`export` reads the folder of a finished run; `export_rows` takes any iterable of rows.
"""

from data_engine.export.corpus import Exported, export_rows
from data_engine.export.finished_run import export
from data_engine.export.options import ExportOptions

__all__ = ["ExportOptions", "Exported", "export", "export_rows"]
