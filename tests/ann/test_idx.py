import gzip
import re
import struct
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import ann
from ann.data.idx import MAXIMUM_BYTES, read_idx


def encode(array, dtype_code=8, shape=None):
    shape = array.shape if shape is None else shape
    return bytes([0, 0, dtype_code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    """240 training and 20 test images of 6 x 6, in plain and compressed files."""
    rng = np.random.default_rng(0)
    for prefix, n, pack in (("train", 240, gzip.compress), ("t10k", 20, bytes)):
        suffix = ".gz" if pack is gzip.compress else ""
        images, labels = rng.integers(0, 256, (n, 6, 6), np.uint8), (np.arange(n) % 10).astype(np.uint8)
        (tmp_path / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(encode(images)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(encode(labels)))
    return tmp_path


@settings(max_examples=50, deadline=None)
@given(array=arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=5)), compressed=st.booleans())
def test_read_is_the_inverse_of_write(tmp_path_factory, array, compressed):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(gzip.compress(encode(array)) if compressed else encode(array))
    np.testing.assert_array_equal(read_idx(path, array.ndim), array)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=40))
def test_anything_else_is_one_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(content)
    valid = content[:4] == b"\0\0\x08\x01" and 8 < len(content) == 8 + int.from_bytes(content[4:8], "big")
    with nullcontext() if valid else pytest.raises(ann.DataError, match=re.escape(str(path))):
        read_idx(path, 1)


PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG" + bytes(20), "not an IDX file.*PNG"),
        (encode(PIXELS, dtype_code=0x0D), "type 0x0d; only uint8"),
        (encode(PIXELS[0]), "2 dimensions where 3 are needed"),
        (encode(PIXELS)[:9], "ends within its header"),
        (encode(PIXELS)[:-1], "declares 24 bytes.*only 23"),
        (encode(PIXELS) + b"\0", "declares 24 bytes.*more"),
        (encode(PIXELS, shape=(60_000, 28, 28)), "declares 47040000 bytes.*only 24"),
        (encode(PIXELS, shape=(2**32 - 1,) * 3), f"1 to {MAXIMUM_BYTES} are read"),
        (encode(PIXELS[:0], shape=(0, 3, 4)), "declares shape .*1 to"),
        # Without the time, which would be in the names of these cases.
        (gzip.compress(encode(PIXELS), mtime=0)[:-12], "gzip data is damaged or cut short"),
        (gzip.compress(encode(PIXELS), mtime=0)[:-8] + bytes(8), "gzip data is damaged"),
        (gzip.compress(encode(PIXELS)[:-1], mtime=0), "only 23"),
        (b"\x1f\x8b" + bytes(30), "gzip data is damaged"),
    ],
)
def test_damaged_file_is_named_with_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(ann.DataError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_declared_size_is_not_set_aside(tmp_path):
    import tracemalloc

    path = tmp_path / "bomb"
    path.write_bytes(encode(PIXELS, shape=(MAXIMUM_BYTES // 16, 4, 4)))
    tracemalloc.start()
    with pytest.raises(ann.DataError, match=r"only 24"):
        read_idx(path, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_folder_in_the_place_of_a_file(tmp_path):
    with pytest.raises(ann.DataError, match=r"cannot be read"):
        read_idx(tmp_path, 3)


def test_mnist_reads_plain_and_compressed_files(folder):
    data = ann.load("mnist", folder)
    assert (len(data.x_train), len(data.x_validation), len(data.x_test)) == (220, 20, 20)
    assert data.shape == (1, 6, 6)
    raw = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes()[16:], np.uint8).reshape(20, 1, 6, 6)
    np.testing.assert_array_equal(data.x_test, raw.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(np.bincount(data.y_validation), np.full(10, 2))


def test_mnist_without_its_folder_or_a_file(folder):
    with pytest.raises(ann.DataError, match=r"nowhere is not a folder"):
        ann.load("mnist", folder / "nowhere")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ann.DataError, match=r"neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte\.gz"):
        ann.load("mnist", folder)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("t10k-labels-idx1-ubyte", np.zeros(19, np.uint8), "20 images and .* 19 labels"),
        ("t10k-labels-idx1-ubyte", np.full(20, 10, np.uint8), "label 10; only 0 ... 9"),
        ("t10k-images-idx3-ubyte", np.zeros((20, 5, 6), np.uint8), "6 x 6 pixels and the test images 5 x 6"),
        ("train-labels-idx1-ubyte", np.zeros(240, np.uint8) + (np.arange(240) == 0), "too few"),
    ],
)
def test_mnist_files_that_do_not_fit_one_another(folder, name, array, message):
    (folder / name).write_bytes(encode(array.astype(np.uint8)))
    with pytest.raises(ann.DataError, match=message):
        ann.load("mnist", folder)
