"""How sure a model is of expressions is tempered by people held back; nothing else is touched."""

import filecmp

import numpy as np
import pytest
from small_corpus import small_corpus

import facellm
from eval.temper import fit, temper
from facellm.checkpoint import SHIPPED
from facellm.core.emotions import EMOTIONS
from facellm.core.errors import FaceLLMError
from facellm.core.sample import read_samples, write_samples
from facellm.faces import load_image
from facellm.prompts import Request, landmarks_of
from facellm.tasks import TASKS


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_taken_off_is_found(temperature):
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.full(len(EMOTIONS), 0.5), 6000)
    right = np.array([rng.choice(len(EMOTIONS), p=row) for row in honest])
    surer = honest**temperature
    surer /= surer.sum(1, keepdims=True)
    assert fit(surer, right) == pytest.approx(temperature, rel=0.06)


def held_back(folder, count=120, emotions=EMOTIONS):
    """Validation people, labelled with the emotions in turn."""
    corpus = small_corpus(folder, count)
    samples = []
    for n, sample in enumerate(read_samples(corpus)):
        [face] = sample.faces
        labels = face.labels.model_copy(update={"emotion": emotions[n % len(emotions)]})
        face = face.model_copy(update={"labels": labels})
        samples.append(sample.model_copy(update={"split": "val", "faces": [face]}))
    write_samples(corpus / "samples.jsonl", samples)
    return corpus


def looks(reader, corpus):
    """What the model holds likely of the first picture."""
    sample = next(iter(read_samples(corpus)))
    picture = load_image(corpus / sample.image)
    question = TASKS["expression"].canonical_question(None)
    asked = reader.emotions.looks(Request(picture, landmarks_of(sample.faces), question))
    return reader.emotions.probabilities([one.logprobs for one in reader.engine.generate(asked)])


@pytest.mark.slow
def test_probabilities_are_as_often_right_as_measured_and_all_else_stays(tmp_path, capsys):
    before = facellm.load()
    own = before.engine.expression_temperature
    was = looks(before, held_back(tmp_path / "any"))
    seen, *others = sorted(was, key=was.get, reverse=True)
    # All pictures look alike to it; three in five are what it takes them for.
    corpus = held_back(tmp_path / "corpus", emotions=(seen, seen, seen, *others[:2]))
    temperature = temper(SHIPPED, [corpus], tmp_path / "out")
    assert f"by temperature {temperature:.2f}" in capsys.readouterr().out
    names = [path.name for path in SHIPPED.iterdir()]
    match, changed, odd = filecmp.cmpfiles(SHIPPED, tmp_path / "out", names, shallow=False)
    assert changed == ["config.json"] and not odd and "model.safetensors" in match

    after = facellm.load(tmp_path / "out")
    assert after.engine.expression_temperature == temperature != own
    now = looks(after, corpus)
    powers = {word: p ** (own / temperature) for word, p in was.items()}
    assert now == pytest.approx(
        {word: p / sum(powers.values()) for word, p in powers.items()}, abs=1e-4
    )
    assert abs(now[seen] - 0.6) < min(0.1, abs(was[seen] - 0.6))
    # Measured anew, not on top of what it has.
    again = temper(tmp_path / "out", [corpus], tmp_path / "again")
    assert again == pytest.approx(temperature, rel=0.01)


def test_what_cannot_be_tempered_is_one_line(tmp_path):
    corpus = held_back(tmp_path / "corpus", 5)
    with pytest.raises(FaceLLMError, match="is there already; choose another folder"):
        temper(SHIPPED, [corpus], tmp_path)
    with pytest.raises(FaceLLMError, match="have 5 validation faces with an expression and landm"):
        temper(SHIPPED, [corpus], tmp_path / "out")
    with pytest.raises(FaceLLMError, match="no model folder"):
        temper(tmp_path / "none", [held_back(tmp_path / "many")], tmp_path / "out")
    assert not (tmp_path / "out").exists()
