"""Which answers become pairs, why others do not, and what is written of them.

The answers are scripted: what is tested is what becomes of them. Tokenizer, files, labels and
rewards are real.
"""

import json
from pathlib import Path

import pytest
from preference_runs import RIGHT, WRONG, in_sets, preferences, scripted, tone

from facellm.core.errors import FaceLLMError
from facellm.core.recipe import load
from rl import run
from rl.preferences import pairs as pairing
from rl.preferences.pairs import ALIKE, TIE, UNREADABLE, Heard, Said, make_pairs, paired
from rl.preferences.recipe import Preferences
from rl.preferences.sets import read_sets


@pytest.fixture
def says(monkeypatch):
    """Let the model give a function's answers: (sample, number) → text."""
    return lambda answer: monkeypatch.setattr(pairing, "Answerer", scripted(answer))


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_best_and_worst_answer_are_a_pair_and_the_rest_is_counted(
    says, tmp_path, checkpoint, corpus
):
    four = {
        0: (WRONG, RIGHT, "Well."),  # a pair, and one that cannot be read
        1: (RIGHT, RIGHT, RIGHT),  # all the same
        2: ("Well.", "Hm.", RIGHT),  # nothing to compare with
        3: (RIGHT, RIGHT + " ", "Well."),  # other words, same reward
    }
    says(lambda sample, n: four[n // 3][n % 3])
    made = preferences(tmp_path, checkpoint, corpus, pairs={"prompts": 4, "answers": 3})
    (pair,) = make_pairs(made, checkpoint)
    assert (pair["chosen"], pair["rejected"], pair["margin"]) == (RIGHT, WRONG, 1.0)
    assert (pair["chosen_rewards"], pair["rejected_rewards"]) == ({"score": 1.0}, {"score": 0.0})
    assert read(tmp_path / "pairs.jsonl") == [pair]
    assert (corpus / pair["image"]).is_file() and len(pair["landmarks"][0]) == 68
    counts = json.loads((tmp_path / "pairs.json").read_text())
    assert counts["no_pair"] == {ALIKE: 1, UNREADABLE: 1, TIE: 1}
    assert (counts["questions"], counts["answers"], counts["unreadable_answers"]) == (4, 12, 4)

    says(lambda sample, n: pytest.fail("what was asked is not asked again"))
    assert make_pairs(made, checkpoint) == [pair]


def test_a_difference_under_the_margin_is_a_tie():
    said = [Said("a", {}, 0.5), Said("b", {}, 0.75)]
    heard = Heard(None, said)
    assert paired([heard], 0.3) == ([], TIE)
    assert paired([Heard(None, said[:1])], 0.3) == ([], UNREADABLE)


def test_a_group_that_is_read_worse_is_answered_as_the_other(says, tmp_path, checkpoint, corpus):
    sets = in_sets(corpus, tmp_path / "sets")
    assert {label: len(own) for label, own in read_sets(sets, "train").items()} == {"skin": 2}
    says(lambda sample, n: WRONG if tone(sample) == "dark" and n < 2 else RIGHT)
    options = {"of": "groups", "answers": 1, "temperature": 0}
    made = preferences(tmp_path / "run", checkpoint, sets, pairs=options)
    (pair,) = make_pairs(made, checkpoint)
    assert (pair["chosen"], pair["rejected"]) == (RIGHT, WRONG)
    assert pair["chosen_groups"] == {"skin": "light"}
    assert pair["rejected_groups"] == {"skin": "dark"}
    assert pair["sample"] != pair["chosen_sample"], "what is asked about is what was misread"
    counts = json.loads((tmp_path / "run/pairs.json").read_text())
    assert counts["no_pair"] == {ALIKE: 1}


@pytest.mark.parametrize(
    ("answer", "options", "message"),
    [
        (RIGHT, {}, r"margin of 0.2 \(alike 4; 0 of 8 answers unreadable\); lower pairs.margin"),
        ("Well.", {}, "8 of 8 answers unreadable.*train the model first"),
        (RIGHT, {"pairs": {"of": "groups"}}, "no sets of pictures that differ in a group"),
        (RIGHT, {"rubric": {"au_f1": 1}}, r"rubric.au_f1: none of 4 prompts has the labels"),
    ],
)
def test_no_pair_is_one_line_with_advice(
    answer, options, message, says, tmp_path, checkpoint, corpus
):
    says(lambda sample, n: answer)
    with pytest.raises(FaceLLMError, match=message) as error:
        make_pairs(preferences(tmp_path, checkpoint, corpus, **options), checkpoint)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rubric": {"au_f11": 1}}, "did you mean au_f1"),
        ({"pairs": {"answers": 1}}, "at least 2 answers"),
        ({"pairs": {"temperature": 0}}, "a temperature above 0"),
        ({"pairs": {"of": "groups", "temperature": 0}}, "set answers to 1"),
        ({"pairs": {"margin": 0}}, "margin"),
        ({"train": ["projector"], "lora": {}}, "add it to train"),
        ({"num_generations": 8}, "no option 'num_generations'"),
    ],
)
def test_mistakes_in_the_recipe_are_named(options, message, tmp_path, checkpoint, corpus):
    with pytest.raises(FaceLLMError, match=message) as error:
        preferences(tmp_path, checkpoint, corpus, **options)
    assert "\n" not in str(error.value)


def test_the_shipped_recipe_is_a_run_of_facellm_rl(capsys):
    shipped = Path(__file__).parents[2] / "rl/recipes/preferences.yaml"
    assert load(Preferences, shipped).pairs.of == "answers"
    assert run(shipped, ["pairs.margin=0.5"], dry_run=True) is None
    assert "margin: 0.5" in capsys.readouterr().out
