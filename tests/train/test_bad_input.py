"""What people get wrong in a recipe ends in one line that says what to do."""

import json
import resource

import pytest
from tiny_corpus import recipe_text, write_corpus

from facellm.core.errors import FaceLLMError
from facellm.core.sample import FaceLabels, read_samples, write_samples
from facellm.train import run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("bad") / "c")


@pytest.fixture
def recipe(tmp_path, corpus):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe_text(tmp_path / "run", corpus))
    return path


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stages.see.max_step=3", r"no option 'max_step' \(did you mean max_steps\?\)"),
        ("model.vision.guidence=false", r"model.vision: no option 'guidence' \(did you mean guid"),
        ("model.vision.grid_size=7", "model.vision: no option 'grid_size'"),
        ("model.tower.widht=24", "cannot build the vision tower"),
        ("model.text.hiden_size=24", r"qwen3 has no option 'hiden_size' \(did you mean hidden_si"),
        ("model.text.model_type=nope", "unknown to transformers"),
        ("corpora.0.path=nowhere", "no samples.jsonl in nowhere"),
        ("stages.speak.tasks={ages: 1}", "no task 'ages'"),
        ("stages.see.learning_rate=fast", "stages.0.learning_rate: "),
    ],
)
def test_a_mistake_in_a_recipe_is_one_line(recipe, override, message):
    with pytest.raises(FaceLLMError, match=message) as found:
        run(recipe, [override])
    assert "\n" not in str(found.value)


def test_older_names_that_transformers_takes_are_taken(recipe):
    from facellm.train.recipe import load_recipe

    loaded = load_recipe(recipe, ["model.text.rope_theta=500.0"])
    from facellm.model.build import _check_text

    _check_text(loaded.model.text)


def test_faces_without_labels_teach_nothing(recipe, corpus, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "images").symlink_to(corpus / "images")
    samples = []
    for sample in read_samples(corpus):
        [face] = sample.faces
        labels = FaceLabels(gaze=(0.0, 0.0))
        samples.append(
            sample.model_copy(update={"faces": [face.model_copy(update={"labels": labels})]})
        )
    write_samples(bare / "samples.jsonl", samples)
    with pytest.raises(FaceLLMError, match="stage see: none of the 9 faces drawn from has action"):
        run(recipe, [f"corpora.0.path={bare}", "stages.speak.tasks={gaze: 1}"])


def test_what_the_language_model_cannot_read_is_never_cut(recipe):
    with pytest.raises(FaceLLMError, match="tokens, but the language model reads 24; nothing is c"):
        run(recipe, ["model.text.max_position_embeddings=24", "stages.see.max_steps=0"])


@pytest.mark.slow
def test_a_full_disk_when_the_model_is_written_is_one_line_and_costs_no_step(recipe, tmp_path):
    """Checkpoints without an optimiser fit where the whole model does not."""
    wanted = ["stages.see.max_steps=0", 'stages.speak.train=["projector"]', "threads=1"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))  # no file may grow larger
    try:
        with pytest.raises(FaceLLMError, match=r"cannot write model .*no step is lost"):
            run(recipe, wanted)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log = tmp_path / "run/log.jsonl"
    steps = log.read_text()
    assert json.loads(steps.splitlines()[-1])["step"] == 4
    run(recipe, wanted)
    assert log.read_text() == steps and (tmp_path / "run/model/model.safetensors").is_file()


def test_a_run_is_not_resumed_by_another_recipe(recipe, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/recipe.yaml").write_text("seed: 5\n")
    with pytest.raises(FaceLLMError, match=r"holds a run whose recipe differs in .*seed"):
        run(recipe)
