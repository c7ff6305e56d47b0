"""Writers: what can be said and asked about a face whose labels are known, one file each.

    item ── writer ──▶ Draft: question, template answer, truth, and a brief for a teacher

A new writer is one new file, one new test and one line here.
"""

from data_engine.writers.attribute_qa import AttributeQA
from data_engine.writers.base import Writer
from data_engine.writers.caption import Caption
from data_engine.writers.comparison import Comparison
from data_engine.writers.counterfactual import Counterfactual
from data_engine.writers.description import Description
from data_engine.writers.dynamics import Dynamics
from data_engine.writers.exp_cot import ExpCoT
from data_engine.writers.multi_turn import MultiTurn
from data_engine.writers.refusal import Refusal
from data_engine.writers.task_qa import TaskQA

WRITERS: dict[str, type[Writer]] = {
    "caption": Caption,
    "description": Description,
    "exp_cot": ExpCoT,
    "task_qa": TaskQA,
    "attribute_qa": AttributeQA,
    "multi_turn": MultiTurn,
    "comparison": Comparison,
    "counterfactual": Counterfactual,
    "refusal": Refusal,
    "dynamics": Dynamics,
}
"""Kind of text → its writer."""

__all__ = ["WRITERS", "Writer"]
