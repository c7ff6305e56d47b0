"""Points are moved by what is seen at them, from where they were given, in the face's own frame."""

import pytest
import torch
from drawn_faces import face_points, picture
from test_model import faces, prompt
from transformers import AutoModelForImageTextToText, AutoProcessor

from facellm.core.errors import FaceLLMError
from facellm.model import FaceLLMConfig, FaceVisionConfig, debug_checkpoint
from facellm.model.refine import Refiner, at_points
from facellm.model.region_encoder import eye_distance, into_view, own_frame


def test_patches_are_taken_where_the_point_lies_not_at_its_transpose():
    patches = torch.zeros(1, 16, 2)
    patches[0, 4 * 1 + 3] = torch.tensor([1.0, 5.0])  # row 1, column 3
    places = torch.tensor([[[3.5, 1.5], [1.5, 3.5], [3.0, 1.5], [9.0, 1.5]]]) / 4
    found = at_points(patches, places)[0, :, 0]
    # On its centre, at its transpose, half-way to the left neighbour, far out at its border.
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0, 0.5, 1.0]))


def test_offsets_of_the_own_frame_come_back_into_the_view():
    points = torch.from_numpy(face_points(0.4, 0.6, 0.2))[None]
    angle = torch.tensor(0.4)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    points = points @ turn.T
    moved = points + 0.01 * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))
    scale = eye_distance(points)
    # Both in the frame of the first: centred there, so the common centre drops out of offsets.
    axis = own_frame(torch.stack([points, points + (moved - points)]), torch.stack([scale, scale]))
    assert axis.shape == (2, 1, 68, 2)
    still = into_view(torch.zeros(1, 68, 2), points)
    assert not still.any()
    along = torch.zeros(1, 68, 2)
    along[..., 0] = 1.0  # one inter-ocular distance from right to left eye
    eyes = points[:, 42:48].mean(1) - points[:, 36:42].mean(1)
    torch.testing.assert_close(into_view(along, points), eyes[:, None].expand(1, 68, 2))
    down = into_view(along.flip(-1), points)
    assert torch.allclose((down * eyes[:, None]).sum(-1), torch.zeros(1, 68), atol=1e-6)
    torch.testing.assert_close(down.norm(dim=-1), scale[:, None].expand(1, 68))


def test_points_stay_until_it_has_learned_and_then_follow_what_is_seen():
    torch.manual_seed(0)
    config = FaceVisionConfig(hidden_size=12)
    refiner = Refiner(config)
    points = torch.from_numpy(face_points(0.5, 0.5, 0.2))[None].repeat(2, 1, 1)
    local, shape = torch.randn(2, 68, 12), torch.randn(1, 136).repeat(2, 1)
    assert torch.equal(refiner(local, shape, points), points)
    torch.nn.init.normal_(refiner.moves[2].weight, std=0.01)
    moved = refiner(local, shape, points)
    assert (moved[0] - moved[1]).abs().max() > 1e-4
    moved.square().sum().backward()
    for name, parameter in refiner.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_off_it_is_not_there_and_on_it_begins_as_the_plain_model(tmp_path):
    plain = AutoModelForImageTextToText.from_pretrained(debug_checkpoint(tmp_path / "plain")).eval()
    folder = debug_checkpoint(tmp_path / "refined", refine=True)
    refined = AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    assert plain.model.vision.readings.refiner is None
    state = refined.state_dict()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    inputs = processor(
        text=prompt(processor, pictures=2), images=[picture(0), picture(1)],
        landmarks=[faces(2), faces(1)],
    )  # fmt: skip
    refiner = refined.model.vision.readings.refiner
    with torch.no_grad():
        assert torch.equal(refined(**inputs).logits, plain(**inputs).logits)
        torch.nn.init.normal_(refiner.moves[2].weight, std=0.05)
        assert not torch.equal(refined(**inputs).logits, plain(**inputs).logits)
        none = processor(text=prompt(processor), images=[picture()], landmarks=[[]])
        assert torch.equal(refined(**none).logits, plain(**none).logits)


def test_it_needs_readings_to_hear_the_points():
    with pytest.raises(FaceLLMError, match="refine corrects the points that readings hear"):
        FaceLLMConfig(vision_config={"refine": True, "readings": False})
