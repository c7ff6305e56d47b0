"""Export a finished corpus: parquet, ShareGPT, dataset card."""

from data_engine.export.corpus import Exported, boxes_in, export_rows
from data_engine.export.options import ExportOptions

__all__ = ["ExportOptions", "Exported", "boxes_in", "export_rows"]
