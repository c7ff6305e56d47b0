"""Maps against masks: known answers, and models that look at one place alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from eval.benchmark import Benchmark
from eval.extras import extra_metrics
from eval.grounding import (
    Grounding,
    compare_map,
    grounding_metrics,
    read_out_grounding,
    unit_map,
    unit_mask,
)
from eval.models.in_process import InProcess
from facellm.core.facs import ACTION_UNITS
from facellm.core.regions import REGIONS
from facellm.core.sample import Face, FaceLabels, Provenance, Sample, write_samples
from facellm.faces.region_masks import region_masks

MASK = np.array([[1, 1], [0, 0]], dtype=bool)


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        # The two strongest are the mask: IoU 2/2, all weight inside, the strongest inside.
        ([[3, 1], [0, 0]], (1.0, 1.0, 1.0)),
        # The two strongest are one inside, one outside: IoU 1/3; 2 + 1 of 6 inside; strongest not.
        ([[2, 1], [3, 0]], (1 / 3, 0.5, 0.0)),
        ([[0, 0], [1, 1]], (0.0, 0.0, 0.0)),
        # No weight hits nothing; even weight is ranked in reading order and half inside.
        ([[0, 0], [0, 0]], (0.0, 0.0, 0.0)),
        ([[1, 1], [1, 1]], (1.0, 0.5, 1.0)),
    ],
)
def test_a_map_against_a_mask_by_hand(weights, wanted):
    assert compare_map(np.array(weights, float), MASK) == pytest.approx(wanted)


def test_an_empty_mask_is_never_hit():
    assert compare_map(np.ones((2, 2)), np.zeros((2, 2), bool)) == (0.0, 0.0, 0.0)


def test_a_unit_is_looked_for_in_all_its_regions():
    regions = ACTION_UNITS[2].regions
    assert len(regions) > 1  # both brows
    maps = {name: np.full((2, 2), float(n)) for n, name in enumerate(REGIONS)}
    assert unit_map(maps, 2)[0, 0] == sum(REGIONS.index(name) for name in regions)
    masks = np.zeros((len(REGIONS), 3, 3), dtype=bool)
    for n, name in enumerate(regions):
        masks[REGIONS.index(name), 0, n] = True
    masks[REGIONS.index("jaw")] = True
    assert unit_mask(masks, 2).sum() == len(regions)


GRID = 8


def circle(n, radius, x, y):
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]


def points():
    """A face drawn with a ruler in a picture of 100 by 100: what is where matters little."""
    jaw = [(10 + 5 * n, 40 + 50 * np.sin(np.pi * n / 16)) for n in range(17)]
    brows = [(15 + 7 * n, 20) for n in range(5)] + [(57 + 7 * n, 20) for n in range(5)]
    nose = [(50, 30 + 8 * n) for n in range(4)] + [(42 + 4 * n, 60) for n in range(5)]
    eyes = circle(6, 6, 30, 35) + circle(6, 6, 70, 35)
    mouth = circle(12, 14, 50, 75) + circle(8, 8, 50, 75)
    return [(float(x), float(y)) for x, y in (*jaw, *brows, *nose, *eyes, *mouth)]


@pytest.fixture
def faces(tmp_path):
    Image.new("RGB", (100, 100)).save(tmp_path / "p.png")
    samples = []
    for name, units, known in (
        ("a", {2: 3.0, 12: 1.0, 25: 2.0}, points()),
        ("b", {2: 4.0}, points()),
        ("no points", {2: 4.0}, None),
        ("no units", None, points()),
    ):
        face = Face(
            box=(10, 10, 90, 90),
            points=known,
            labels=FaceLabels(emotion="fear", action_units=units),
        )
        who = Provenance(source="t", licence="none", subject_id=name)
        samples.append(Sample(id=name, image="p.png", faces=[face], provenance=who, split="test"))
    write_samples(tmp_path / "samples.jsonl", samples)
    return tmp_path


class Looks:
    """A reader whose attention is where it is told: on the region itself, or in one corner."""

    def __init__(self, right):
        self.right, self.engine = right, self

    def evidence_maps(self, image, landmarks):
        masks = region_masks(np.asarray(landmarks[0].points) / 100, GRID)
        corner = np.zeros((GRID, GRID))
        corner[-1, -1] = 1
        maps = {
            name: (masks[row].astype(float) if self.right else corner).tolist()
            for row, name in enumerate(REGIONS)
        }
        return [SimpleNamespace(regions=maps, box=(0, 0, 100, 100))]


def test_a_reader_that_looks_at_the_regions_hits_them_all(faces):
    questions = Benchmark(name="b", task="expression", corpus=faces).questions()
    results = read_out_grounding(Looks(right=True), questions)
    # Units at 2 or more of faces with points: 2 and 25 of the first, 2 of the second.
    assert [(r.subject_id, r.unit) for r in results] == [("a", 2), ("a", 25), ("b", 2)]
    assert all((r.iou, r.inside, r.pointing) == (1.0, 1.0, 1.0) for r in results)
    nowhere = read_out_grounding(Looks(right=False), questions)
    assert all((r.inside, r.pointing) == (0.0, 0.0) for r in nowhere)


def test_numbers_over_units_and_of_each():
    results = [
        Grounding("a", 2, 0.5, 0.25, 1.0),
        Grounding("a", 12, 0.1, 0.25, 0.0),
        Grounding("b", 2, 0.3, 1.0, 1.0),
    ]
    numbers = {name: (i.value, i.n, i.subjects) for name, i in grounding_metrics(results).items()}
    assert numbers == {
        "iou": (pytest.approx(0.3), 3, 2),
        "inside": (0.5, 3, 2),
        "pointing": (pytest.approx(2 / 3), 3, 2),
        "iou/AU2": (pytest.approx(0.4), 2, 2),
        "iou/AU12": (pytest.approx(0.1), 1, 1),
    }
    assert grounding_metrics([])["iou"].value is None


def test_a_benchmark_measures_where_our_own_models_look(faces, monkeypatch):
    monkeypatch.setattr(InProcess, "reader", lambda self: Looks(right=True))
    for more, measured in (
        ({"grounding": True}, True),
        ({}, False),
        ({"grounding": True, "corruption": "blur:1"}, False),
    ):
        asked = Benchmark(name="b", task="expression", corpus=faces, **more)
        found = extra_metrics(asked, asked.questions(), [None] * 4, InProcess())
        assert ("look_iou" in found) is measured


def test_only_rendered_faces_are_drawn(tmp_path, corpus):
    from eval.benchmark import Benchmark
    from eval.looks import draw_looks

    questions = Benchmark(name="b", task="action_units", corpus=corpus, limit=3).questions()
    assert draw_looks(None, questions, tmp_path / "a.png") == []
    assert not (tmp_path / "a.png").exists()
