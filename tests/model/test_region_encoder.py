"""The face-region encoder really guides: each test is a defect that a published system shipped."""

import numpy as np
import pytest
import torch
from drawn_faces import face_points

from facellm.core.regions import REGIONS, face_scale, region_centroids
from facellm.model import FaceVisionConfig
from facellm.model.region_encoder import RegionEncoder, own_frame, patch_centres, region_geometry

GRID, WIDTH = 14, 24


def encoder(**options) -> RegionEncoder:
    torch.manual_seed(0)
    config = FaceVisionConfig(
        hidden_size=WIDTH, grid_size=GRID, region_size=32, heads=2, head_size=8, **options
    )
    return RegionEncoder(config).eval()


def run(module: RegionEncoder, faces: list[list[np.ndarray]], patches: torch.Tensor | None = None):
    most = max(1, *(len(view) for view in faces))
    points = torch.zeros(len(faces), most, 68, 2)
    present = torch.zeros(len(faces), most, dtype=torch.bool)
    for v, view in enumerate(faces):
        for f, face in enumerate(view):
            points[v, f], present[v, f] = torch.from_numpy(face), True
    if patches is None:
        patches = torch.randn(
            len(faces), GRID**2, WIDTH, generator=torch.Generator().manual_seed(1)
        )
    slots = torch.arange(most).expand(len(faces), most)
    return patches, *module(patches, points, present, slots)


def test_geometry_is_that_of_the_vocabulary():
    points = face_points(0.4, 0.3, 0.2)
    centroids, scale = region_geometry(torch.from_numpy(points)[None, None])
    np.testing.assert_allclose(centroids[0, 0].numpy(), region_centroids(points), atol=1e-6)
    assert scale.item() == pytest.approx(face_scale(points), rel=1e-5)


def test_own_frame_forgets_place_size_and_tilt():
    points = torch.from_numpy(face_points(0, 0, 1.0))
    turn = torch.tensor([[0.8, 0.6], [-0.6, 0.8]])
    moved = points @ turn * 0.3 + torch.tensor([5.0, -2.0])
    frames = []
    for p in (points, moved):
        _, scale = region_geometry(p[None, None])
        frames.append(own_frame(p[None, None], scale))
    torch.testing.assert_close(frames[0], frames[1], atol=1e-4, rtol=1e-4)


def test_patches_run_along_x_first():
    centres = patch_centres(4, torch.zeros(()))
    assert centres[1].tolist() == [0.375, 0.125]  # second patch: one step in x, none in y
    assert centres[4].tolist() == [0.125, 0.375]


@pytest.mark.parametrize(("x", "y"), [(0.8, 0.2), (0.2, 0.6)])
def test_read_out_looks_where_the_region_is_not_at_its_transpose(x, y):
    points = face_points(x, y, 0.08)
    _, _, _, attention = run(encoder(), [[points]])
    peak = attention[0, 0, REGIONS.index("left_eye")].argmax().item()
    row, column = divmod(peak, GRID)
    centre = region_centroids(points)[REGIONS.index("left_eye")]
    assert abs((column + 0.5) / GRID - centre[0]) < 1.5 / GRID
    assert abs((row + 0.5) / GRID - centre[1]) < 1.5 / GRID


def test_distance_is_not_inert():
    """Face-LLaVA's mask shifts the odds of attention by 6 % at most; ours by far more."""
    module = encoder()
    with torch.no_grad():
        for layer in (module.guide_query, module.read_query):
            layer.weight.zero_(), layer.bias.zero_()  # only the distance speaks
    _, _, _, attention = run(module, [[face_points(0.5, 0.4, 0.15)]])
    mouth = attention[0, 0, REGIONS.index("mouth")].reshape(GRID, GRID)
    at_mouth, at_corner = mouth[int(0.62 * GRID), GRID // 2], mouth[0, 0]
    assert at_mouth > 100 * at_corner


def test_moving_the_landmarks_moves_the_patches():
    patches, guided, *_ = run(encoder(), [[face_points(0.3, 0.3)]])
    _, elsewhere, *_ = run(encoder(), [[face_points(0.6, 0.6)]])
    change = (guided - elsewhere).norm(dim=-1) / patches.norm(dim=-1)
    assert change.max() > 0.01


def test_without_a_face_the_branch_is_the_plain_tower():
    patches, guided, regions, attention = run(encoder(), [[], [face_points()]])
    assert torch.equal(guided[0], patches[0])
    assert not torch.equal(guided[1], patches[1])
    assert all(torch.isfinite(x).all() for x in (guided, regions, attention))


def test_company_does_not_change_a_face():
    one, three = face_points(0.3, 0.3), face_points(0.7, 0.6, seed=3)
    patches = torch.randn(1, GRID**2, WIDTH)
    module = encoder()
    _, alone, *_ = run(module, [[one]], patches)
    _, beside, *_ = run(module, [[one], [three, one]], patches.repeat(2, 1, 1))
    torch.testing.assert_close(alone[0], beside[0], atol=1e-5, rtol=1e-5)


def test_every_face_of_a_view_has_its_own_tokens():
    faces = [face_points(0.25, 0.3, 0.1), face_points(0.75, 0.3, 0.1), face_points(0.5, 0.8, 0.1)]
    _, guided, regions, attention = run(encoder(), [faces])
    assert regions.shape == (1, 3, len(REGIONS), 32)
    assert torch.isfinite(guided).all()
    peaks = {attention[0, f, REGIONS.index("nose")].argmax().item() for f in range(3)}
    assert len(peaks) == 3


def test_gradients_reach_every_parameter():
    module = encoder().train()
    _, guided, regions, _ = run(module, [[face_points(seed=s)] for s in range(8)])
    # Slots 1-7 belong to faces that are not in these views: their names get no gradient.
    (guided.square().sum() + regions.square().sum()).backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert (module.tokens.face.grad[0].abs().sum() > 0) and module.tokens.face.grad[1].eq(0).all()


def test_no_parameter_is_zero_dimensional():
    """Sharded optimisers cannot flatten one."""
    assert all(p.ndim > 0 for p in encoder().parameters())


@pytest.mark.parametrize("options", [{"guidance": False}, {"read_out": False}])
def test_parts_can_be_left_out(options):
    patches, guided, regions, attention = run(encoder(**options), [[face_points()]])
    assert torch.equal(guided, patches) is (not options.get("guidance", True))
    assert (regions is None) is (not options.get("read_out", True))
    assert (attention is None) is (regions is None)
