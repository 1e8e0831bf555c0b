import copy

import numpy as np
import pytest
import reference_zoo as zoo
import torch

from bridge import trace

FAMILIES = [
    *(
        "alexnet",
        "convnext",
        "densenet",
        "efficientnet",
        "efficientnet_v2",
        "googlenet",
        "inception",
        "maxvit",
        "mnasnet",
    ),
    *("mobilenet_v2", "mobilenet_v3", "regnet", "resnet", "resnext", "wide_resnet", "shufflenet_v2", "squeezenet"),
    *("swin", "swin_v2", "vgg", "vit"),
]


@pytest.fixture(scope="module", autouse=True)
def torchvision():
    try:
        zoo.import_torchvision()
    except ImportError as error:
        pytest.skip(str(error))
    # The operations are so small that on a busy machine more threads only wait for each other.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_every_family_is_there():
    assert sorted(zoo.families()) == sorted(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_traced_to_what_they_compute(family):
    model = zoo.model(family)
    graph = trace(model, zoo.sample(family))
    x = zoo.sample(family, 1).double()
    with torch.no_grad():
        expected = copy.deepcopy(model).double()(x).numpy()
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(graph.run(x.numpy()), expected, rtol=0, atol=1e-9 * np.abs(expected).max())
