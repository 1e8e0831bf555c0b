import numpy as np
import pytest
import torch
from torch import nn

from bridge.comparison.perturbations import IMAGES, coarse, gaussian, lesions, occlusion, salt_and_pepper


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", IMAGES)
def test_images_stay_images_and_are_not_changed_in_place(name):
    x = rng().random((4, 2, 9, 7)).astype(np.float32)
    before = x.copy()
    changed = IMAGES[name](x, 0.3 if name == "gaussian" else 30, rng())
    assert (x == before).all()
    assert changed.shape == x.shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed != x).any()


def test_noise_has_the_deviation_asked_for():
    x = np.full((20, 1, 50, 50), 0.5, np.float32)
    assert (gaussian(x, 0.1, rng()) - x).std() == pytest.approx(0.1, rel=0.02)


def test_salt_and_pepper_replace_the_share_asked_for_and_all_channels_of_a_pixel():
    x = np.full((20, 3, 50, 50), 0.5, np.float32)
    changed = salt_and_pepper(x, 20, rng())
    assert (changed == 1.0).mean() == pytest.approx(0.1, rel=0.05)
    assert (changed == 0.0).mean() == pytest.approx(0.1, rel=0.05)
    assert (changed == changed[:, :1]).all()


def test_the_bar_lies_over_the_eyes_of_the_object_only():
    x = np.zeros((1, 1, 14, 8), np.float32)
    x[0, 0, 2:12, 1:6] = 1.0  # ten rows high
    x[0, 0, :, 7] = 0.4  # background
    changed = occlusion(x, 20)[0, 0]  # two rows, with their middle four rows from the top
    expected = x[0, 0].copy()
    expected[5:7, 1:6] = 0.0
    assert changed == pytest.approx(expected)
    half = occlusion(x, 30)[0, 0]  # three rows: half of those next to the two
    expected[4, 1:6] = expected[7, 1:6] = 0.5
    assert half == pytest.approx(expected)
    assert (occlusion(np.zeros((1, 1, 4, 4), np.float32), 20) == 0.0).all()


def test_lesions_silence_the_share_asked_for_and_alike_in_layers_of_one_size():
    first, second = lesions([100, 30], 40, (1, 2)), lesions([100, 7], 40, (1, 2))
    assert [layer.sum() for layer in (*first, second[1])] == [40, 12, 3]
    assert (first[0] == second[0]).all()
    assert (first[0] != lesions([100], 40, (1, 3))[0]).any()


def test_coarse_weights_are_the_nearest_of_so_many_levels_for_every_output():
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4))
    with torch.no_grad():
        module[4].weight[0] = 0.0
        module[4].weight[1, :3] = torch.tensor([-7.0, 3.4, 0.4])
        module[4].weight[1, 3:] = 0.0
    before = [p.clone() for p in module.parameters()]
    changed = coarse(module, 4)
    assert changed[4].weight[1, :3].tolist() == [-7.0, 3.0, 0.0]
    assert (changed[4].weight[0] == 0).all()
    for row in changed[0].weight.reshape(3, -1):
        levels = row / (row.abs().max() / 7)
        assert torch.allclose(levels, levels.round(), atol=1e-5)
        assert levels.abs().max() <= 7.001
    assert all((a == b).all() for a, b in zip(before, module.parameters(), strict=True))
    assert all((a == b).all() for a, b in zip(module[1].parameters(), changed[1].parameters(), strict=True))
    assert (changed[4].bias == module[4].bias).all()
