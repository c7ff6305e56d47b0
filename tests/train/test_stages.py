"""Stages: adapters, rates of parts, curricula, rows, kept features, and what goes wrong."""

import json
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_corpus import recipe_text, write_corpus, write_rows
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.core.sample import read_samples, write_samples
from facellm.model.readings import UNITS
from facellm.tasks import TASKS
from facellm.train import lora, run
from facellm.train.assemble import assemble
from facellm.train.crops import load_crops
from facellm.train.dialogues import draw_dialogues, encode
from facellm.train.features import Features, tokens_of
from facellm.train.inputs import Seen
from facellm.train.merge import merge
from facellm.train.parts import freeze, parameter_groups
from facellm.train.recipe import Corpus, Lora, Stage, load_recipe
from facellm.train.rows import load_talks
from facellm.train.speak import GROUP, Answering
from facellm.train.telling import Fact, known_of

QUICK = {"max_steps": 2, "per_device_train_batch_size": 2, "logging_steps": 1}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus") / "c")


@pytest.fixture
def recipe(tmp_path, corpus):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe_text(tmp_path / "run", corpus))
    return path


@pytest.fixture
def made(recipe, corpus):
    crops = load_crops(corpus, "train")
    return *assemble(load_recipe(recipe), [crops]), crops


def answer(**options):
    return Stage(name="a", objective="answer", **(QUICK | options))


def stages(*wanted):
    return "stages=" + json.dumps([QUICK | {"objective": "answer"} | stage for stage in wanted])


def folder_state(folder):
    return load_file(Path(folder) / "model.safetensors")


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_each_part_learns_at_its_own_rate(made):
    model, _, _ = made
    stage = answer(train=["projector", "language_model"], learning_rates={"language_model": 2e-5})
    freeze(model, stage)
    rates = {}
    for group in parameter_groups(model, stage):
        for parameter in group["params"]:
            rates[id(parameter)] = group["lr"]
    assert rates[id(model.model.vision.projector.place)] == 1e-3
    assert rates[id(model.lm_head.weight)] == 2e-5
    assert id(model.model.vision.region_encoder.gate) not in rates
    assert not model.model.vision.vision_tower.training and model.model.language_model.training


@pytest.mark.parametrize("target", ["all-linear", ["q_proj", "v_proj"], r".*\.mlp\..*"])
def test_adapters_change_nothing_until_trained_and_merge_exactly(made, target):
    model, processor, _ = made
    inputs = processor(
        text="<|image|> What?", images=torch.zeros(96, 96, 3).numpy(), landmarks=[[]]
    )
    inputs.pop("token_type_ids", None)
    model.eval()
    with torch.no_grad():
        plain = model(**inputs).logits
        lora.add(model, Lora(rank=4, target=target))
        model.eval()
        assert torch.equal(model(**inputs).logits, plain)
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.copy_(0.1 * torch.randn_like(parameter))
        adapted = model(**inputs).logits
        assert (adapted - plain).abs().max() > 1e-3
        lora.merge(model)
        assert (model(**inputs).logits - adapted).abs().max() < 1e-5
    assert not any(".lora_" in name for name, _ in model.named_parameters())


def test_adapters_that_match_nothing_are_one_line(made):
    for target in (["query"], "nothing", "("):
        with pytest.raises(FaceLLMError, match=r"lora target .*(matches no layer|no regular)"):
            lora.add(made[0], Lora(target=target))


@pytest.mark.slow
def test_only_adapters_and_named_parts_are_trained_and_merging_exports_them(recipe, tmp_path):
    kept = {"rank": 4, "dropout": 0.1, "merge": False}
    stage = {"name": "tune", "train": ["projector", "language_model"], "lora": kept}
    model = run(recipe, [stages(stage | {"max_steps": 3})])
    start, _ = assemble(
        load_recipe(recipe), [load_crops(load_recipe(recipe).corpora[0].path, "train")]
    )
    before = {name: value.half() for name, value in start.state_dict().items()}
    after = folder_state(model)
    assert {name.split(".")[2] for name in changed(after, before)} == {"projector"}
    adapter = load_file(tmp_path / "run/adapter/adapter_model.safetensors")
    assert all(".language_model." in name and ".lora_" in name for name in adapter)
    merge(model, tmp_path / "run/adapter", tmp_path / "merged")
    merged = folder_state(tmp_path / "merged")
    moved = changed(merged, after)
    assert merged.keys() == after.keys()
    assert moved and all(".language_model.layers." in name for name in moved)
    # What peft computes with the adapter beside the weights, the merged folder computes alone.
    from peft import PeftModel

    def logits(loaded):
        processor = AutoProcessor.from_pretrained(model)
        inputs = processor(text="What?")
        inputs.pop("token_type_ids", None)
        with torch.no_grad():
            return loaded.eval()(**inputs).logits

    base = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32)
    beside = logits(PeftModel.from_pretrained(base, tmp_path / "run/adapter"))
    alone = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    assert (logits(alone) - beside).abs().max() < 1e-3  # of float16 weights on disk


@pytest.mark.slow
def test_a_curriculum_asks_each_stage_its_own_tasks_and_goes_on_from_the_last(recipe, tmp_path):
    first = {"name": "units", "tasks": {"action_units": 1}}
    second = {"name": "emotion", "tasks": {"expression": 1, "reasoning": 1}, "lora": {"rank": 2}}
    run(recipe, [stages(first, second), "report_to=none", "gradient_checkpointing=true"])
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["units"] * 2 + ["emotion"] * 2
    learned = torch.load(tmp_path / "run/units.pt", weights_only=True)["weights"]
    exported = folder_state(tmp_path / "run/model")
    name = "model.language_model.embed_tokens.weight"  # adapters leave it as the first stage did
    assert torch.equal(exported[name], learned[f"model.{name}"].half())


def test_a_task_without_labels_is_one_line(recipe):
    with pytest.raises(FaceLLMError, match="no face has the labels that task age asks about"):
        run(recipe, [stages({"name": "a", "tasks": {"age": 1}})])


def test_a_conversation_that_is_too_long_is_never_cut(recipe):
    with pytest.raises(FaceLLMError, match="tokens, max_length is 30; raise it"):
        run(recipe, [stages({"name": "a", "max_length": 30})])


def test_a_loss_that_is_not_finite_leaves_the_last_checkpoint(recipe, tmp_path):
    wild = {"name": "a", "max_steps": 40, "learning_rate": 1e30, "save_steps": 1}
    with pytest.raises(FaceLLMError, match=r"stage a: the (loss|gradient) is \S+ at step"):
        run(recipe, [stages(wild)])
    if (tmp_path / "run/a.pt").is_file():
        assert torch.load(tmp_path / "run/a.pt", weights_only=True)["step"] >= 1


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(recipe, tmp_path):
    overrides = [stages({"name": "a", "max_steps": 3, "save_steps": 1})]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))  # no file may grow larger
    try:
        with pytest.raises(FaceLLMError, match=r"cannot write checkpoint .*make room"):
            run(recipe, overrides)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "run").glob("*.part"))
    run(recipe, overrides)  # with room again, the run goes on


def test_groups_of_similar_length_hold_the_same_dialogues(made):
    model, processor, crops = made
    plain = answer(per_device_train_batch_size=8)
    grouped = plain.model_copy(update={"group_by_length": True})
    padded, seen = [], []
    for stage in (plain, grouped):
        objective = Answering(model, processor, [crops], [1.0], stage, 3)
        masks, ids = [], []
        for step in range(GROUP):
            for index in range(2):
                inputs = objective.batch(step, index, 2).inputs
                masks.append(inputs["attention_mask"].float().mean().item())
                ids += [tuple(row[row != 0].tolist()) for row in inputs["input_ids"]]
        padded.append(1 - sum(masks) / len(masks))
        seen.append(sorted(ids))
    assert seen[0] == seen[1]
    assert padded[1] < 0.6 * padded[0]
    again = Answering(model, processor, [crops], [1.0], grouped, 3).batch(5, 1, 2)
    assert torch.equal(again.inputs["input_ids"], objective.batch(5, 1, 2).inputs["input_ids"])


def test_kept_features_are_what_the_model_would_see(made):
    model, processor, crops = made
    vision = model.model.vision.eval()
    keys = [(Seen("face", 0, 1, 0), 1), (Seen("nothing"), 0), (Seen("face", 0, 2, 1), 0)]
    features = Features([crops], processor.image_processor, 0, gib=1.0)
    with torch.no_grad():
        first = features(vision, keys)
        again = features(vision, keys)
        views = [features._view(*key) for key in keys]
        pixels, landmarks, _ = (torch.cat(parts) for parts in zip(*views, strict=True))
        expected = torch.cat(vision(pixels, landmarks))
        got = tokens_of(vision, first, [True, False, True])
    assert features.found == 2, "faces are kept, textures are not"
    assert first.local is None and again.local is None
    assert all(torch.equal(a, b) for a, b in zip(first[:4], again[:4], strict=True))
    torch.testing.assert_close(got, expected, rtol=0, atol=5e-3)  # kept as float16
    small = Features([crops], processor.image_processor, 0, gib=1e-9)
    small(vision, keys)
    assert not small.kept, "what does not fit is not kept"


def test_units_are_told_in_place_of_readings(made):
    model, _, crops = made
    rng = np.random.default_rng(0)
    facts = [Fact(sample.faces[0].labels) for sample in crops.samples[:2]]
    known = known_of(facts, 1.0, rng)
    with torch.no_grad():
        vision = model.model.vision
        regions = torch.randn(2, 15, vision.config.region_size)
        read = (regions, crops.points[:2])
        own = vision.readings(*read)
        told = known.over(own)
        assert not torch.equal(vision.speakable(*read), vision.speakable(*read, known))
        none = known_of([facts[0], None], 0.0, rng)
        torch.testing.assert_close(vision.speakable(*read, none), vision.speakable(*read))
    labelled = ~crops.units[:2].isnan()
    blurred = (told.units * 5 - (crops.units[:2] + 0.5).floor())[labelled]
    assert 0 < blurred.abs().max() < 0.5, "as readings are, but it rounds to the label"
    torch.testing.assert_close(told.units[~labelled], own.units[~labelled])
    torch.testing.assert_close(told.emotion.softmax(1), own.emotion.softmax(1))


def test_made_up_facts_are_told_and_answered(made):
    """What is told and what is answered are one thing, also where it is true of no face."""
    *_, crops = made
    tasks = {"action_units": 1.0, "expression": 1.0}
    rng = np.random.default_rng(1)
    dialogues = draw_dialogues([crops], [1.0], 60, rng, tasks, made_up=1.0)
    strange = 0
    for dialogue in dialogues:
        answer = dialogue.messages[1]["content"]
        known = known_of(dialogue.facts, 0.0, rng)
        for fact, (units, _) in zip(dialogue.facts, zip(*known, strict=True), strict=True):
            assert fact.made_up and abs(sum(fact.felt) - 1) < 1e-9
            told = {
                n: int(v * 5 + 0.5) for n, v in zip(UNITS, units.tolist(), strict=True) if v == v
            }
            assert told == {n: int(v + 0.5) for n, v in fact.labels.action_units.items()}
        if len(dialogue.facts) == 1 and answer.startswith('<answer>{"AU'):
            [fact] = dialogue.facts
            said = TASKS["action_units"].parse(answer)
            shown = {n: v for n, v in fact.labels.action_units.items() if v >= 0.5}
            assert said.units == {n: float(int(v + 0.5)) for n, v in shown.items()}
            row = dialogue.pictures[0][0].row
            strange += fact.labels.action_units != crops.samples[row].faces[0].labels.action_units
    assert strange > 5


def test_what_is_told_reaches_the_answers(made):
    """Same faces, same questions: with labels told, the loss differs."""
    model, processor, crops = made
    stage = answer(cached_views=1, told=1.0, per_device_train_batch_size=4)
    plain = answer(cached_views=1, per_device_train_batch_size=4)
    losses = []
    for each in (stage, plain):
        objective = Answering(model, processor, [crops], [1.0], each, 0)
        batch = objective.batch(0, 0, 1)
        assert ("told_units" in batch.inputs) == bool(each.told)
        with torch.no_grad():
            losses.append(float(objective.module(**batch.inputs)["answer"]))
    assert losses[0] != losses[1]


@pytest.mark.slow
def test_training_on_kept_features_learns(recipe, tmp_path):
    stage = {"name": "a", "max_steps": 60, "per_device_train_batch_size": 8, "cached_views": 2}
    stage |= {"tasks": {"expression": 1}}
    run(recipe, [stages(stage | {"learning_rate": 5e-3, "group_by_length": True})])
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    losses = [line["train/answer"] for line in lines]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


@pytest.mark.slow
def test_readings_are_taught_over_a_resting_tower(recipe, corpus, tmp_path):
    stage = {"name": "read", "objective": "see", "train": ["readings"], "cached_views": 2}
    stage |= {"max_steps": 60, "per_device_train_batch_size": 16, "learning_rate": 5e-3}
    before, _ = assemble(load_recipe(recipe), [load_crops(corpus, "train")])
    run(recipe, [stages(stage)])
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    units = [line["train/units"] for line in lines]
    assert sum(units[-5:]) < 0.7 * sum(units[:5])
    halves = {name: value.half() for name, value in before.state_dict().items()}
    after = folder_state(tmp_path / "run/model")
    moved = {name for name in after if not torch.equal(after[name], halves[name].to(after[name]))}
    assert moved and all(".readings." in name for name in moved)


def test_rows_are_read_as_they_were_written(made, corpus, tmp_path):
    _, processor, _ = made
    images = processor.image_processor
    for form in ("run", "parquet", "sharegpt"):
        where, samples = write_rows(tmp_path / form, corpus, form)
        talks = load_talks(Corpus(rows=where, samples=samples), images)
        assert len(talks) == 4, form
        pictures, messages, labels = talks.said[1]
        assert [view.kind for view in pictures[0]] == ["face"], form
        known = [face.labels for face in list(read_samples(corpus))[1].faces]
        # A row that brings landmarks of its own names no sample: nobody says what the face does.
        assert labels == ([None] if form == "sharegpt" else known), form
        encoded = encode(processor, talks.dialogue(0, 1))
        told = known_of(encoded.facts, 1.0, np.random.default_rng(0)).units
        assert told.isnan().all() == (form == "sharegpt"), form
        whole = processor.apply_chat_template(messages, tokenize=False)
        tokens = processor.patch_tokens + processor.face_tokens
        whole = whole.replace(processor.image_token, processor.image_token * tokens)
        ids = processor.tokenizer(whole.removesuffix("\n"), add_special_tokens=False)["input_ids"]
        assert encoded.ids == ids, f"{form}: two turns, as the chat template writes them"
        scored = [i for i, label in zip(ids, encoded.labels, strict=True) if label != -100]
        end = processor.tokenizer.eos_token
        assert processor.tokenizer.decode(scored) == f"It smiles.{end}Yes.{end}", form
    only = load_talks(Corpus(rows=tmp_path / "run", tasks=["caption"]), images)
    assert len(only) == 2


@pytest.mark.slow
def test_rows_and_samples_are_trained_on_together(recipe, corpus, tmp_path):
    where, _ = write_rows(tmp_path / "rows", corpus, "run")
    corpora = json.dumps([{"path": str(corpus)}, {"rows": str(where), "weight": 3}])
    run(recipe, [f"corpora={corpora}"])
    assert (tmp_path / "run/model/model.safetensors").is_file()


def test_bad_rows_are_one_line(made, corpus, tmp_path):
    images = made[1].image_processor
    with pytest.raises(FaceLLMError, match="no rows at"):
        load_talks(Corpus(rows=tmp_path / "none"), images)
    where, _ = write_rows(tmp_path / "run", corpus, "run")
    lines = (where / "rows.jsonl").read_text().splitlines()
    for change, message in (
        ({"images": []}, "1 image parts but 0 images"),
        ({"images": ["none.png"]}, "none.png"),
        ({"messages": [{"role": "user", "content": "?"}]}, "does not end with an answer"),
    ):
        broken = json.dumps(json.loads(lines[2]) | change)
        (where / "rows.jsonl").write_text("\n".join([*lines[:2], broken]))
        with pytest.raises(FaceLLMError, match=f"row 3 cannot be trained on: .*{message}"):
            load_talks(Corpus(rows=where), images)


@pytest.mark.slow
def test_a_run_goes_on_from_a_checkpoint(recipe, tmp_path):
    first = run(recipe, [stages({"name": "a"})])
    path = tmp_path / "next.yaml"
    text = recipe.read_text()
    start, end = text.index("model:"), text.index("stages:")
    path.write_text(text[:start] + f"model_name_or_path: {first}\n" + text[end:])
    overrides = [f"output_dir={tmp_path / 'next'}", stages({"name": "b", "train": ["projector"]})]
    second = run(path, overrides)
    moved = changed(folder_state(first), folder_state(second))
    assert moved and all(".projector." in name for name in moved)


def test_faces_without_labels_are_passed_over(corpus, made, tmp_path):
    """A corpus half of whose faces lack what a task asks about is still drawn from."""
    model, processor, _ = made
    bare = write_corpus(tmp_path / "half")
    samples = list(read_samples(bare))
    for number in (0, 2, 4):
        face = samples[number].faces[0]
        labels = face.labels.model_copy(update={"emotion": None})
        face = face.model_copy(update={"labels": labels})
        samples[number] = samples[number].model_copy(update={"faces": [face]})
    write_samples(bare / "samples.jsonl", samples)
    stage = answer(tasks={"expression": 1})
    objective = Answering(model, processor, [load_crops(bare, "train")], [1.0], stage, 0)
    assert objective.batch(0, 0, 1).samples >= 1
