"""LoRA on the language model, the region encoder in full, merged and exported to a plain folder."""

import pytest
import tiny
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.stock import add_face_regions, lora_config, merge_and_export

peft = pytest.importorskip("peft")
PICTURE = tiny.picture(100, 70)


@torch.no_grad()
def logits(model, inputs):
    return model(**inputs).logits


def test_trained_by_adapters_saved_reloaded_merged_and_exported(pair, tmp_path):
    twin = tiny.FAMILIES[pair.name]()
    model, processor = add_face_regions(twin.model, twin.processor, finder=None)
    inputs = pair.inputs([PICTURE], [tiny.faces(PICTURE, 2)])
    before = logits(model, inputs)
    model = peft.get_peft_model(model, lora_config(4, init_lora_weights=False))
    named = dict(model.named_parameters())
    trained = {name for name, parameter in named.items() if parameter.requires_grad}
    regions = {name for name in trained if "region_encoder" in name}
    adapters = {name for name in trained if "lora_" in name}
    assert trained == regions | adapters and regions and adapters
    assert not [n for n in adapters if "vision" in n or "visual" in n]
    optimizer = torch.optim.AdamW([named[name] for name in trained], lr=0.01)
    labels = inputs["input_ids"].clone()
    labels[:, :-3] = -100
    losses = []
    for _ in range(3):
        loss = model(**inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]
    model.eval()
    after = logits(model, inputs)
    assert (after - before).abs().max() > 1e-3

    model.save_pretrained(tmp_path / "adapter")
    again = tiny.FAMILIES[pair.name]()
    bare, _ = add_face_regions(again.model, again.processor, finder=None)
    reloaded = peft.PeftModel.from_pretrained(bare, tmp_path / "adapter").eval()
    theirs, ours = reloaded.state_dict(), model.state_dict()
    assert all(torch.equal(theirs[name], ours[name]) for name in trained)
    torch.testing.assert_close(logits(reloaded, inputs), after, atol=1e-6, rtol=0)

    merged = merge_and_export(reloaded, processor, tmp_path / "merged")
    torch.testing.assert_close(logits(merged, inputs), after, atol=1e-5, rtol=0)
    plain = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged").eval()
    assert type(plain) is type(pair.model)
    assert set(plain.state_dict()) == set(pair.model.state_dict())
    saved = merged.state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in plain.state_dict().items())
    torch.testing.assert_close(logits(plain, inputs), after, atol=1e-5, rtol=0)
    assert type(AutoProcessor.from_pretrained(tmp_path / "merged")) is type(processor)


def test_nothing_to_merge(pair, tmp_path):
    with pytest.raises(FaceLLMError, match="no adapters"):
        merge_and_export(pair.model, pair.processor, tmp_path)
