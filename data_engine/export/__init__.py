"""Export a finished corpus: parquet, ShareGPT, dataset card.

    from data_engine.export import export
    print(export(Path("runs/faces"), {"forms": ["chat", "rl"], "name": "faces"}))

`export` reads the folder of a finished run; `export_rows` takes any iterable of rows.
"""

from importlib.util import find_spec

from facellm.core.errors import FaceLLMError

for _package in ("pyarrow", "matplotlib", "huggingface_hub", "sacrebleu"):
    if find_spec(_package) is None:
        raise FaceLLMError(f"the export needs {_package}: pip install 'facellm[data,eval]'")

from data_engine.export.corpus import Exported, export_rows  # noqa: E402
from data_engine.export.finished_run import export  # noqa: E402
from data_engine.export.options import ExportOptions  # noqa: E402

__all__ = ["ExportOptions", "Exported", "export", "export_rows"]
