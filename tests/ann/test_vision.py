import hashlib
import sys

import pytest
import reference_zoo as zoo
import torch

import ann
from ann import vision


@pytest.fixture
def models():
    try:
        return zoo.import_torchvision().models
    except ImportError as error:
        pytest.skip(str(error))


class Published:
    """Stands for what torchvision knows of its weights: a file that is served from a folder."""

    def __init__(self, path):
        self.url, self.meta = path.as_uri(), {"categories": ["cat", "dog", "fly"]}

    def transforms(self):
        return torch.nn.Identity()


def publish(folder, content, monkeypatch, models):
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / "weights")
    digest = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()[:8]
    path = (folder / "weights").rename(folder / f"mobilenet_v2-{digest}.pth")
    monkeypatch.setattr(models, "get_weight", lambda name: Published(path))
    return path


def test_every_model_names_weights_with_a_sum(models):
    for name, (weights, _) in vision._WEIGHTS.items():
        source = vision.source_of(models.get_weight(weights).url)
        assert source.name.startswith(name.replace("_v2", "").replace("fpn", "")[:8])
        assert len(source.digest) >= 8


def test_weights_are_fetched_on_request_checked_and_loaded(models, monkeypatch, tmp_path):
    made = models.get_model("mobilenet_v2", weights=None, num_classes=3).eval()
    served = publish(tmp_path / "served", made.state_dict(), monkeypatch, models)
    folder = tmp_path / "mine"
    with pytest.raises(ann.DataError, match=r"is not there; fetch it with download=True"):
        ann.load_pretrained("mobilenet_v2", folder)
    found = ann.load_pretrained("mobilenet_v2", folder, download=True)
    served.unlink()
    again = ann.load_pretrained("mobilenet_v2", folder)
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(found.module(x), made(x))
    assert torch.equal(again.module(x), made(x))
    assert (found.categories, found.weights) == (("cat", "dog", "fly"), "MobileNet_V2_Weights.IMAGENET1K_V2")
    (folder / served.name).write_bytes(b"damaged")
    with pytest.raises(ann.DataError, match=r"SHA256 sum is not"):
        ann.load_pretrained("mobilenet_v2", folder)
    (folder / served.name).unlink()
    with pytest.raises(ann.DataError, match=r"cannot be fetched.*by hand"):
        ann.load_pretrained("mobilenet_v2", folder, download=True)


def test_what_is_no_state_dict_of_the_model_is_refused(models, monkeypatch, tmp_path):
    publish(tmp_path, {"other": torch.zeros(1)}, monkeypatch, models)
    with pytest.raises(ann.ValidationError, match=r"missing: classifier.*extra: other"):
        ann.load_pretrained("mobilenet_v2", tmp_path)
    publish(tmp_path, torch.nn.Linear(1, 1), monkeypatch, models)
    with pytest.raises(ann.DataError, match=r"something else than a state_dict"):
        ann.load_pretrained("mobilenet_v2", tmp_path)


def test_names_and_a_missing_torchvision_are_told(monkeypatch, tmp_path):
    with pytest.raises(ann.ValidationError, match=r"name = 'brain'.*resnet18.*fasterrcnn"):
        ann.load_pretrained("brain", tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ann.AnnError, match=r"torchvision cannot be imported.*allornone\[vision\]"):
        ann.load_pretrained("resnet18", tmp_path)
