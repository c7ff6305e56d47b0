"""The step over rows: template rows pass, spoilt ones are rejects with the reason."""

import random
from pathlib import Path

from data_engine.row import Message, Part
from data_engine.step import Reject
from data_engine.steps.verify import Verify
from data_engine.steps.write import Write
from data_engine.verify.corrupt import random_labels
from facellm.core.sample import Face, Provenance, Sample

HERE = Path()


def samples(count):
    rng = random.Random(0)
    for n in range(count):
        faces = [
            Face(
                box=(8 * k, 0, 8 * k + 8, 8),
                labels=random_labels(rng).model_copy(
                    update={"pose": tuple(rng.uniform(-0.6, 0.6) for _ in range(3))}
                ),
            )
            for k in range(rng.choice((1, 1, 1, 2, 3)))
        ]
        made = Provenance(source="made", licence="CC0", subject_id=f"p{n // 2}")
        yield Sample(id=f"s{n}", image="x.png", faces=faces, provenance=made)


def test_every_row_that_templates_worded_passes():
    rows = list(Write().run(samples(120), HERE))
    found = list(Verify().run(rows, HERE))
    rejects = [one for one in found if isinstance(one, Reject)]
    assert len(rows) > 400 and len(found) == len(rows)
    assert not rejects, [(reject.reason, reject.detail) for reject in rejects[:5]]


def test_a_spoilt_row_is_a_reject_with_the_row_in_it():
    row = next(iter(Write(writers=["caption"]).run(samples(1), HERE)))
    lie = Part(type="text", text="The jaw is moved sideways (AU30). I think it is a stroke.")
    turns = [*row.messages[:-1], Message(role="assistant", content=[lie])]
    spoilt = row.model_copy(update={"messages": turns})
    (reject,) = Verify().run([spoilt], HERE)
    assert reject.item_id == row.id and reject.step == "verify"
    assert reject.reason == "unsupported:AU30" and "hedge" in reject.detail
    assert reject.item["messages"][-1]["content"][0]["text"].startswith("The jaw")


def test_what_is_no_row_passes_as_it_is():
    items = list(samples(3))
    assert list(Verify().run(items, HERE)) == items
