"""Every kind of image file, and the way from its pixels to the networks' input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.exposure import equalize_hist

from cxrbench.data.decode import decode, to_square
from cxrbench.errors import DataError

GRAY = np.array([[0, 10, 20], [128, 200, 255]], dtype=np.uint8)


def saved(image: Image.Image, file: Path) -> Path:
    image.save(file)
    return file


def test_gray_is_read_as_it_is(tmp_path: Path) -> None:
    image = decode(saved(Image.fromarray(GRAY), tmp_path / "a.png"))
    assert image.mode == "L"
    np.testing.assert_array_equal(image, GRAY)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_every_level(tmp_path: Path, suffix: str) -> None:
    levels = np.array([[0, 1, 257], [4095, 40000, 65535]], dtype=np.uint16)
    image = decode(saved(Image.fromarray(levels), tmp_path / f"a.{suffix}"))
    assert image.mode == "I;16"
    np.testing.assert_array_equal(image, levels)


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    image = decode(saved(Image.fromarray(GRAY > 100), tmp_path / "a.png"))
    np.testing.assert_array_equal(image, [[0, 0, 0], [255, 255, 255]])


def test_palette_is_looked_up(tmp_path: Path) -> None:
    picture = Image.new("P", (3, 1))
    picture.putdata([2, 0, 1])
    picture.putpalette([10, 10, 10, 99, 99, 99, 250, 250, 250])
    np.testing.assert_array_equal(decode(saved(picture, tmp_path / "a.png")), [[250, 10, 99]])


def test_color_becomes_luma(tmp_path: Path) -> None:
    color = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [77, 77, 77]]], dtype=np.uint8)
    np.testing.assert_array_equal(decode(saved(Image.fromarray(color), tmp_path / "a.png")), [[76, 150, 29, 77]])


def test_opaque_rgba_equals_gray(tmp_path: Path) -> None:
    rgba = Image.merge("RGBA", [Image.fromarray(GRAY)] * 3 + [Image.new("L", (3, 2), 255)])
    np.testing.assert_array_equal(decode(saved(rgba, tmp_path / "a.png")), GRAY)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_transparent_level_shows_black(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(GRAY).convert(mode)
    hidden = picture.getpixel((2, 1))
    picture.save(tmp_path / "a.png", transparency=hidden)
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), [[0, 10, 20], [128, 200, 0]])


@pytest.mark.parametrize("suffix", ["bmp", "pgm", "gif", "tif", "png"])
def test_an_image_outlives_its_file(tmp_path: Path, suffix: str) -> None:
    file = saved(Image.fromarray(np.tile(GRAY, (40, 40))), tmp_path / f"a.{suffix}")
    image = decode(file)
    file.write_bytes(b"")
    np.testing.assert_array_equal(image, np.tile(GRAY, (40, 40)))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_shows_black(tmp_path: Path, mode: str) -> None:
    alpha = Image.fromarray(np.array([[255, 255, 255], [0, 128, 255]], dtype=np.uint8))
    bands = [Image.fromarray(GRAY)] * (len(mode) - 1) + [alpha]
    image = decode(saved(Image.merge(mode, bands), tmp_path / "a.png"))
    np.testing.assert_allclose(image, [[0, 10, 20], [0, 100, 255]], atol=1)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cut\.png: cannot be decoded .* replace the file"):
        decode(file)


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "text.png"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"text\.png: cannot be decoded"):
        decode(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: cannot be decoded"):
        decode(tmp_path / "gone.png")


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.tif: .*mode F .*8 or 16 bits"):
        decode(saved(Image.fromarray(GRAY.astype(np.float32)), tmp_path / "a.tif"))


def test_a_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(Image.new("L", (40, 40)), tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"bomb\.png: cannot be decoded"):
        decode(file)


@pytest.mark.parametrize(("dtype", "low", "high"), [(np.uint8, 30, 181), (np.uint8, 0, 256), (np.uint16, 900, 4096)])
def test_equalization_is_that_of_scikit_image(dtype: type, low: int, high: int) -> None:
    skewed = np.random.default_rng(1).beta(2, 5, (64, 64))
    image = (low + skewed * (high - low)).astype(dtype)
    ours = to_square(Image.fromarray(image), 64, equalize=True, fit="pad")
    np.testing.assert_array_equal(ours, np.rint(255 * equalize_hist(image)))


def test_a_flat_image_equalizes_like_scikit_image() -> None:
    flat = np.full((8, 8), 9, dtype=np.uint8)
    np.testing.assert_array_equal(
        to_square(Image.fromarray(flat), 8, equalize=True, fit="pad"), 255 * equalize_hist(flat)
    )


def test_sixteen_bits_scale_to_eight() -> None:
    levels = np.array([[0, 128], [257 * 100, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(
        to_square(Image.fromarray(levels), 2, equalize=False, fit="pad"), [[0, 0], [100, 255]]
    )


@pytest.mark.parametrize("tall", [False, True])
def test_padding_keeps_everything_and_adds_black(tall: bool) -> None:
    wide = np.full((20, 40), 200, dtype=np.uint8)
    square = to_square(Image.fromarray(wide.T if tall else wide), 40, equalize=False, fit="pad")
    square = square.T if tall else square
    assert square.shape == (40, 40)
    assert not square[:10].any() and not square[30:].any()
    np.testing.assert_array_equal(square[10:30], wide)


def test_padding_is_not_equalized() -> None:
    ramp = np.tile(np.arange(40, dtype=np.uint8), (20, 1))
    square = to_square(Image.fromarray(ramp), 40, equalize=True, fit="pad")
    assert not square[:10].any()
    np.testing.assert_array_equal(square[10:30], np.rint(255 * equalize_hist(ramp)))


@pytest.mark.parametrize("tall", [False, True])
def test_cropping_keeps_the_centre(tall: bool) -> None:
    wide = np.zeros((20, 40), dtype=np.uint8)
    wide[:, 10:30] = np.random.default_rng(2).integers(1, 256, (20, 20))
    square = to_square(Image.fromarray(wide.T if tall else wide), 20, equalize=False, fit="crop")
    np.testing.assert_array_equal(square.T if tall else square, wide[:, 10:30])


def test_reduction_does_not_alias() -> None:
    checkerboard = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    reduced = to_square(Image.fromarray(checkerboard), 16, equalize=False, fit="pad")
    assert np.abs(reduced.astype(int) - 127).max() <= 2  # picking pixels would give 0 or 255


def test_enlarging_does_not_wrap_around_at_black_and_white() -> None:
    edge = np.repeat(np.array([[0, 0, 65535, 65535]], np.uint16), 4, axis=0)
    enlarged = to_square(Image.fromarray(edge), 16, equalize=False, fit="pad")
    assert (enlarged[:, :6] <= 10).all() and (enlarged[:, 10:] >= 245).all()  # bicubic goes beyond both


@pytest.mark.parametrize(("height", "width", "rows"), [(512, 1024, 32), (999, 777, 64)])
def test_padding_puts_a_shrunk_image_in_the_middle(height: int, width: int, rows: int) -> None:
    square = to_square(Image.fromarray(np.full((height, width), 200, np.uint8)), 64, equalize=False, fit="pad")
    inside = square > 100
    assert inside.any(axis=1).sum() == rows
    top, bottom = np.argmax(inside.any(axis=1)), np.argmax(inside.any(axis=1)[::-1])
    left, right = np.argmax(inside.any(axis=0)), np.argmax(inside.any(axis=0)[::-1])
    assert abs(int(top) - int(bottom)) <= 1 and abs(int(left) - int(right)) <= 1


def test_cropping_shrinks_the_middle_alone() -> None:
    wide = np.full((256, 301), 255, np.uint8)
    wide[:, 30:271] = 90
    square = to_square(Image.fromarray(wide), 64, equalize=False, fit="crop")
    assert square.shape == (64, 64)
    assert (square[:, 4:60] == 90).all() and (square[:, [0, -1]] == 255).all()  # 7.5 columns of each border are left


@pytest.mark.parametrize(("side", "size"), [(1024, 64), (1024, 256)])
def test_the_fast_reduction_stays_near_the_exact_one(side: int, size: int) -> None:
    cloud = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 64), dtype=np.uint8))
    image = cloud.resize((side, side), Image.Resampling.BICUBIC)
    exact = np.array(image.resize((size, size), Image.Resampling.BICUBIC), dtype=int)
    fast = to_square(image, size, equalize=False, fit="pad")
    assert np.abs(fast - exact).max() <= 3
    assert exact.std() > 40


def test_equalizing_comes_before_shrinking() -> None:
    dim = Image.fromarray(np.random.default_rng(4).integers(100, 104, (256, 256), dtype=np.uint8))
    equalized = Image.fromarray(np.rint(255 * equalize_hist(np.array(dim))).astype(np.uint8))
    expected = to_square(equalized, 32, equalize=False, fit="pad")
    np.testing.assert_array_equal(to_square(dim, 32, equalize=True, fit="pad"), expected)
    assert len(np.unique(expected)) > 30  # more than the four levels that there were


def test_a_16_bit_pgm_keeps_its_levels(tmp_path: Path) -> None:
    file = tmp_path / "a.pgm"
    levels = np.array([[0, 257, 65535], [1, 30000, 400]], dtype=">u2")
    file.write_bytes(b"P5\n3 2\n65535\n" + levels.tobytes())
    np.testing.assert_array_equal(decode(file), levels.astype(np.uint16))
