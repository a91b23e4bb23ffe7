"""The quality suite: scenes are exact, kernels are what they say, figures are counted by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import tutorial
from benchmarks.core_cost import Known
from benchmarks.quality import halo as halos
from benchmarks.quality import kernels, scenes
from benchmarks.quality.__main__ import measure
from benchmarks.quality.chains import CASES, by_the_natural_style, by_the_tutorial, compare
from benchmarks.quality.figures import (
    Halo,
    band,
    boundary_f_within,
    halo,
    psnr,
    score,
    ssim,
)
from benchmarks.quality.halo import BOX, FILLS, FITTED, look_behind, report_halo, undecidable
from benchmarks.quality.kernels import Kernel, blurred, convolve, disk, weights
from benchmarks.quality.report import (
    failures,
    gains,
    markdown,
    read,
    write,
)
from benchmarks.quality.scenes import (
    MADE_UP,
    SEED,
    Scene,
    compose,
    cover,
    draw_scenes,
    lamps,
    place,
)
from benchmarks.scenes import made_photo
from tests.conftest import ROOT
from tests.evaluate.datasets import write_folder
from toolkit.errors import InputFileError
from toolkit.inference import Segmentation
from toolkit.portrait import Blur, natural_portrait

HEIGHT, WIDTH = 96, 160
MEASURED = ROOT / "benchmarks" / "quality" / "measured.json"
PAGE = ROOT / "docs" / "portrait.md"


def round_person(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.float64]:
    """A disc with a soft edge: a person's share."""
    large = np.zeros((height * 4, width * 4), np.uint8)
    cv2.circle(large, (width * 2, height * 2), height, 255, cv2.FILLED)
    small = cv2.resize(large / 255.0, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64)


def small_scene(background: NDArray[np.uint8] | None = None) -> Scene:
    person = made_photo(HEIGHT, WIDTH)
    behind = person[::-1] if background is None else background
    return compose("made up", "photo", round_person(), person, behind)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two datasets of small photos: two portraits, and a street with somebody in one of three."""
    photo, nothing = made_photo(60, 50), np.zeros((60, 50), np.uint8)
    mask = nothing.copy()
    mask[20:, 10:40] = 255
    write_folder(tmp_path / scenes.PEOPLE, {"a": (photo, mask), "b": (photo[::-1], mask)})
    unsure = np.where(mask, np.uint8(128), np.uint8(0))
    write_folder(
        tmp_path / scenes.STREET,
        {
            "busy": (photo, mask),
            "unsure": (photo, unsure),
            "empty": (photo[:, ::-1], nothing),
            "still": (photo[::-1], nothing),
        },
    )
    return tmp_path


def test_a_scenes_photo_is_its_layers() -> None:
    scene = small_scene()
    assert np.array_equal(scene.photo[scene.share == 1], scene.person[scene.share == 1])
    assert np.array_equal(scene.photo[scene.share == 0], scene.background[scene.share == 0])
    half = compose(
        "half",
        "white",
        np.full((1, 1), 0.25),
        np.full((1, 1, 3), 100, np.uint8),
        np.full((1, 1, 3), 200, np.uint8),
    )
    assert half.photo.tolist() == [[[175, 175, 175]]]


def test_the_ideal_of_nobody_is_the_tutorials_blur() -> None:
    photo = made_photo(HEIGHT, WIDTH)
    scene = compose("nobody", "photo", np.zeros((HEIGHT, WIDTH)), photo, photo)
    nobody = np.zeros((HEIGHT, WIDTH), np.uint8)
    ideal = scene.ideal(blurred(photo, "box", 13))
    assert np.array_equal(np.rint(ideal), tutorial.blurred_background(photo, nobody, 13))
    assert np.array_equal(by_the_tutorial(photo, nobody > 0, BOX), np.rint(ideal))


def test_the_ideal_of_somebody_everywhere_is_the_photo() -> None:
    photo = made_photo(HEIGHT, WIDTH)
    scene = compose("all", "photo", np.ones((HEIGHT, WIDTH)), photo, np.zeros_like(photo))
    assert np.array_equal(scene.ideal(blurred(scene.background, "box", 13)), photo)


def test_the_ideal_has_nothing_of_the_person_behind_it() -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    scene = small_scene(white)
    ideal = scene.ideal(blurred(white, "lens", 13))
    assert np.abs(ideal[scene.share == 0] - 255).max() < 1e-6


def test_a_cut_outs_edge_has_the_masks_area(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((40, 40), bool)
    mask[:, :19] = True  # half of a pixel, once shrunk by 2 or more
    photo = np.full((40, 40, 3), 90, np.uint8)

    monkeypatch.setattr(scenes, "TALL", (1.0, 1.0))
    monkeypatch.setattr(scenes, "LEFT", (0.5, 0.5))
    share, person = place(photo, mask, (20, 60), np.random.default_rng(0))
    assert share[:, 20:40].mean(axis=0).tolist() == [1.0] * 9 + [0.5] + [0.0] * 10
    assert not share[:, :20].any()
    assert not share[:, 40:].any()
    assert (person[:, 20:40] == 90).all()


def test_scenes_are_the_same_again_and_others_of_another_seed(folder: Path) -> None:
    first, again, other = (
        list(draw_scenes(folder, 6, (HEIGHT, WIDTH), seed)) for seed in (1, 1, 2)
    )
    assert [one.name for one in first] == [one.name for one in again]
    for one, same in zip(first, again, strict=True):
        assert np.array_equal(one.photo, same.photo)
        assert np.array_equal(one.share, same.share)
    assert any(
        not np.array_equal(one.photo, not_it.photo)
        for one, not_it in zip(first, other, strict=True)
    )


def test_backgrounds_show_nobody_and_each_made_up_one_comes_in_turn(folder: Path) -> None:
    drawn = list(draw_scenes(folder, 12, (HEIGHT, WIDTH), SEED))
    assert [one.kind for one in drawn[::3]] == [kind for kind, _ in MADE_UP]
    behind = {one.name.split(" before ")[1] for one in drawn if one.kind == "photo"}
    assert behind == {"empty.png", "still.png"}
    assert {one.name.split(" before ")[0] for one in drawn} == {"a.png", "b.png"}
    assert all(one.subject.any() and not one.subject.all() for one in drawn)


def test_without_an_empty_photo_there_is_no_scene(folder: Path) -> None:
    for stem in ("empty", "still"):
        cv2.imwrite(str(folder / scenes.STREET / "masks" / f"{stem}.png"), np.full((60, 50), 255.0))
    with pytest.raises(InputFileError, match="every photo shows people"):
        next(draw_scenes(folder, 1, (HEIGHT, WIDTH), SEED))


@pytest.mark.parametrize("shape", [(30, 90), (90, 30), (400, 300), (48, 64)])
def test_a_background_covers_the_scene(shape: tuple[int, int]) -> None:
    assert cover(made_photo(*shape), 48, 64).shape == (48, 64, 3)


def test_lamps_are_lit_in_the_dark() -> None:
    night = lamps(120, 160, np.random.default_rng(0))
    assert np.median(night) == 20
    assert night.max() > 150


@pytest.mark.parametrize("kernel", ["box", "gaussian", "lens"])
@pytest.mark.parametrize("size", [3, 7, 13, 25])
def test_a_kernel_has_its_size(kernel: Kernel, size: float) -> None:
    taps = weights(kernel, size)
    offsets = np.arange(len(taps)) - len(taps) // 2
    assert taps.sum() == pytest.approx(1)
    assert np.allclose(taps, taps[::-1, ::-1])
    assert np.allclose(taps, taps.T, atol=1e-4)
    wanted = (size**2 - 1) / 12
    if kernel == "lens":
        wanted += 1 / 12  # a disc's pixels are squares, and have a variance of their own
    found = (taps.sum(axis=0) * offsets**2).sum()
    assert found == pytest.approx(wanted, rel=1e-3 if kernel != "lens" else 0.08)


def test_a_disc_has_its_area() -> None:
    taps = disk(5.3)
    assert taps.max() == pytest.approx(1 / (math.pi * 5.3**2), rel=1e-4)
    assert len(taps) == 11


def test_a_convolution_is_the_sum_it_is_defined_as() -> None:
    image = np.random.default_rng(3).uniform(0, 255, (9, 11))
    taps = np.random.default_rng(4).uniform(0, 1, (5, 5))
    taps = taps + taps[::-1, ::-1]
    padded = np.pad(image, 2, mode="reflect")
    expected = [
        [(padded[row : row + 5, column : column + 5] * taps).sum() for column in range(11)]
        for row in range(9)
    ]
    assert np.allclose(convolve(image, taps), expected)


def test_light_is_inverted() -> None:
    levels = np.arange(256.0)
    light = kernels.to_linear_light(levels)
    assert np.allclose(kernels.from_linear_light(light), levels, atol=1e-3)
    assert light[255] == pytest.approx(1 / kernels.HEADROOM)


@pytest.mark.parametrize(
    ("kernel", "size", "most", "middle"),
    [
        ("box", 3, 0.51, 0.3),
        ("box", 13, 0.51, 0.3),
        ("box", 25, 0.51, 0.3),
        ("gaussian", 3, 1.6, 0.3),
        ("gaussian", 13, 1.6, 0.3),
        ("gaussian", 25.6, 3, 0.5),  # on a photo reduced by 3
        ("lens", 3, 1.6, 0.3),
        ("lens", 13, 6, 1),  # from here on a reduced photo: 3, 3, 5
        ("lens", 25.6, 6, 1),
        ("lens", 61, 9, 1),
    ],
)
def test_the_toolkits_blur_of_nobody_is_the_definition(
    kernel: Kernel, size: float, most: float, middle: float
) -> None:
    """Levels; a picture's rim, one kernel wide, is mirrored otherwise on a reduced photo."""
    photo = made_photo(300, 400)
    made = natural_portrait(photo, np.zeros((300, 400), bool), Blur(kernel, size))
    inside = slice(int(size), -int(size))
    apart = np.abs(made - blurred(photo, kernel, size))[inside, inside]
    assert apart.max() <= most
    assert apart.mean() <= middle


def test_a_band_reaches_as_far_on_either_side() -> None:
    subject = np.zeros((1, 12), bool)
    subject[0, :6] = True
    assert np.flatnonzero(band(subject, 2)[0]).tolist() == [4, 5, 6, 7]


def test_psnr_by_hand() -> None:
    ideal = np.zeros((1, 2, 3))
    picture = np.zeros((1, 2, 3), np.uint8)
    picture[0, 0] = 255
    everywhere = np.ones((1, 2), bool)
    assert psnr(picture, ideal, everywhere) == pytest.approx(10 * math.log10(2))
    assert psnr(picture, ideal, np.array([[True, False]])) == 0
    assert psnr(picture, ideal, np.array([[False, True]])) == math.inf


def test_ssim_is_1_of_equals_and_counts_the_band_alone() -> None:
    pytest.importorskip("skimage", reason="needs the demo extra")
    photo = made_photo(60, 60)
    where = np.zeros((60, 60), bool)
    where[25:35, 5:10] = True
    spoilt = photo.copy()
    spoilt[:, 40:] = 0
    assert ssim(spoilt, photo.astype(float), where) == pytest.approx(1)
    assert ssim(spoilt, photo.astype(float), where[:, ::-1]) < 0.9
    assert score(photo, photo.astype(float), where).psnr == math.inf


def test_an_error_is_seen_beyond_8_levels() -> None:
    assert halo(np.array([-8.5, 8.0, 8.5, 20.0])) == Halo(0.25, 0.5, 7.0)


@pytest.mark.parametrize("pixels", [1, 2, 3, 4, 5])
def test_a_boundary_just_as_far_as_the_tolerance_agrees(pixels: int) -> None:
    truth, found = np.zeros((61, 83), bool), np.zeros((61, 83), bool)
    truth[:, :40] = True
    found[:, : 40 + pixels] = True
    assert boundary_f_within(truth, found, pixels) == 1
    assert boundary_f_within(truth, found, pixels - 1) == 0


def test_of_two_truths_too_far_apart_an_answer_misses_one() -> None:
    one, other = np.array([0.0, 0.0, 0.0, 0.0]), np.array([0.0, 16.0, 16.1, -40.0])
    assert undecidable(one, other) == 0.25


def test_behind_the_person_the_error_is_what_is_hidden() -> None:
    scene = small_scene()
    scene = compose("hard", "photo", np.rint(scene.share), scene.person, scene.background)
    behind = look_behind(scene)
    assert np.allclose(behind.true, (1 - behind.share) * behind.seen + behind.share * behind.hidden)
    law = behind.share * (behind.seen - behind.hidden)
    # each channel of the portrait is rounded
    assert np.abs(behind.natural - behind.true - law).max() <= 0.51
    assert np.allclose(behind.fills["mean of what is seen"], behind.seen)


def test_every_fill_is_right_before_one_color() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 140, np.uint8)
    scene = compose("flat", "photo", np.rint(round_person()), made_photo(HEIGHT, WIDTH), flat)
    behind = look_behind(scene)
    for name in FILLS:
        assert np.abs(behind.fills[name] - 140).max() < 1, name  # two of them round
    assert np.abs(behind.natural - 140).max() == 0
    assert behind.tutorial.min() < 100
    assert behind.spread.max() < 1e-3


def test_a_plane_is_gone_on_with() -> None:
    ramp = np.broadcast_to(np.arange(WIDTH, dtype=np.uint8)[:, np.newaxis], (HEIGHT, WIDTH, 3))
    scene = compose("ramp", "photo", np.rint(round_person()), made_photo(HEIGHT, WIDTH), ramp)
    behind = look_behind(scene)
    mean = np.abs(behind.fills["mean of what is seen"] - behind.true).mean()
    assert np.abs(behind.fills["plane through it"] - behind.true).mean() < mean / 4


def test_the_halo_of_scenes_is_put_together() -> None:
    behind = [look_behind(small_scene())] * 2
    found = report_halo(behind)
    assert found.pixels == 2 * behind[0].true.size
    assert sum(one.share for one in found.bins) == pytest.approx(1)
    assert found.natural.below < found.tutorial.below
    assert found.raised_halo.below <= halos.ALLOWED + 1e-3
    fitted = np.square(halos.best_mixture(behind[0]) - behind[0].true).mean()
    for name, fill in behind[0].fills.items():
        assert fitted <= np.square(fill - behind[0].true).mean() + 1e-9, name
    assert FITTED in found.fills


def test_a_run_is_written_read_and_shown(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="needs the demo extra")
    quality = measure(folder, "made up", FitsAnything(), count=2, size=(HEIGHT, WIDTH), seed=1)
    write(quality, tmp_path / "quality.json")
    again = read(tmp_path / "quality.json")
    assert markdown(again) == markdown(quality)
    assert len(quality.compared) == 2 * 2 * len(CASES)
    assert {one.edge for one in quality.edges} == {"tutorial", "guided", "watershed", "none"}
    assert gains(again.compared)["box", 13, "truth"].gain > 0


class FitsAnything(Known):
    """Says of every picture that there is a person in its middle."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def infer(
        self,
        image: NDArray[np.uint8],
        *,
        subject: int | None = None,  # noqa: ARG002 - it says the same of every one
        margin: bool = False,  # noqa: ARG002
    ) -> Segmentation:
        labels: NDArray[np.integer[Any]] = np.zeros(image.shape[:2], np.int64)
        labels[image.shape[0] // 4 :, image.shape[1] // 4 : 3 * image.shape[1] // 4] = 15
        return Segmentation(labels)


def test_the_page_shows_what_was_measured() -> None:
    quality = read(MEASURED)
    assert markdown(quality) in PAGE.read_text()
    assert len({one.scene for one in quality.compared}) >= 24
    assert quality.size == (720, 1280)
    missed = failures(quality)
    assert [one for one in missed if not one.startswith("halo")] == []


def test_real_people_are_cut_out_and_the_natural_style_is_nearer(shared: Path) -> None:
    """One scene before a photo; `python -m benchmarks.quality` measures them all."""
    scene = list(draw_scenes(shared / "dataset", 2, (360, 640), SEED))[1]
    assert scene.kind == "photo"
    where = band(scene.subject, BOX.reach)
    ideal = scene.ideal(blurred(scene.background, "box", 13))
    theirs = by_the_tutorial(scene.photo, scene.subject, BOX)
    ours = by_the_natural_style(scene.photo, scene.subject, BOX)
    assert psnr(ours, ideal, where) > psnr(theirs, ideal, where) + 6


def test_both_chains_are_given_the_same(folder: Path) -> None:
    pytest.importorskip("skimage", reason="needs the demo extra")
    found = list(compare(small_scene(), FitsAnything()))
    assert [(one.kernel, one.size, one.by) for one in found] == [
        (case.kernel, case.size, by) for case in CASES for by in ("truth", "network")
    ]
