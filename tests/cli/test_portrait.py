"""``toolkit portrait``: files in, files out, what is said, and every exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags

from benchmarks import tutorial
from tests.conftest import ROOT, Command
from tests.support.exifs import PLACE, XMP, camera_exif, exif_of_file
from tests.support.samples import PaintedBackend, random_photo
from toolkit.errors import BackendError
from toolkit.imaging import demo_photo, read_photo, write_photo
from toolkit.imaging.exif import upright_exif
from toolkit.imaging.metadata import Metadata
from toolkit.imaging.pixels import eight_bits
from toolkit.portrait import KERNEL, Natural, Style, Tutorial, make_portrait
from toolkit.portrait.blur import KERNEL_LIMIT
from toolkit.serving.record import NAME


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> PaintedBackend:
    """A backend that needs no model, in place of the one the command would open."""
    backend = PaintedBackend()

    monkeypatch.setattr("toolkit.backends.base.BackendSpec.open", lambda *_, **__: backend)
    return backend


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo in a folder of its own."""
    path = tmp_path / "photos" / "me.png"
    write_photo(path, random_photo(1, 90, 120))
    return path


def names(folder: Path) -> list[str]:
    """The files in a folder, without the record of what is done."""
    return sorted(path.name for path in folder.iterdir() if path.name != NAME)


def test_the_portrait_lies_beside_the_photo_and_is_natural(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    outcome = toolkit("portrait", photo)
    assert outcome.code == 0
    expected = make_portrait(read_photo(photo).bgr, painted).image
    assert np.array_equal(read_photo(photo.with_name("me.portrait.png")).bgr, expected)
    assert names(photo.parent) == ["me.png", "me.portrait.png"]


def test_the_style_tutorial_is_the_tutorials(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    assert toolkit("portrait", photo, "--style", "tutorial").code == 0
    expected = tutorial.portrait(read_photo(photo).bgr, painted.segment, crop=65)
    assert np.array_equal(read_photo(photo.with_name("me.portrait.png")).bgr, expected)
    assert names(photo.parent) == ["me.png", "me.portrait.png"]


def test_it_prints_sizes_labels_and_where_it_wrote(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    lines = toolkit("portrait", photo).stdout.splitlines()
    assert lines[0] == f"{photo}: photo 120x90, network input 65x48"
    assert "person " in lines[1]
    assert "background " in lines[1]
    assert lines[2].endswith(str(photo.with_name("me.portrait.png")))


def test_the_model_and_backend_in_use_are_said_on_stderr(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    outcome = toolkit("portrait", photo)
    assert "model mnv2_dm05_person" in outcome.stderr
    assert "backend painted 0" in outcome.stderr
    assert toolkit("portrait", photo, "--quiet").stderr == ""


def test_stages_and_overlay_are_written_beside_it(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    toolkit("portrait", photo, "--stages", "--overlay", "--style", "tutorial")
    assert names(photo.parent) == [
        "me.overlay.png",
        "me.png",
        "me.portrait.png",
        "me.stages.png",
    ]
    labels = painted.segment(tutorial.network_input(read_photo(photo).bgr, 65))
    expected = tutorial.look(read_photo(photo).bgr, tutorial.full_mask(labels, 90, 120))
    assert np.array_equal(read_photo(photo.with_name("me.overlay.png")).bgr, expected)


def test_blur_sets_the_kernel(toolkit: Command, painted: PaintedBackend, photo: Path) -> None:
    toolkit("portrait", photo, "--blur", "1")
    assert np.array_equal(read_photo(photo.with_name("me.portrait.png")).bgr, read_photo(photo).bgr)


@pytest.mark.parametrize(
    ("options", "style"),
    [
        ((), Natural()),
        (("--style", "tutorial"), Tutorial(KERNEL)),
        (("--style", "tutorial", "--blur", "21"), Tutorial(21)),
        (("--blur", "21"), Natural(size=21)),
        (("--kernel", "box", "--strength", "3.5"), Natural("box", 3.5)),
        (("--edge", "watershed", "--depth", "0.5"), Natural(edge="watershed", depth=0.5)),
    ],
)
def test_the_style_is_the_one_asked_for(
    toolkit: Command,
    painted: PaintedBackend,
    photo: Path,
    options: tuple[str, ...],
    style: Style,
) -> None:
    assert toolkit("portrait", photo, *options).code == 0
    expected = make_portrait(read_photo(photo).bgr, painted, style=style).image
    assert np.array_equal(read_photo(photo.with_name("me.portrait.png")).bgr, expected)


@pytest.mark.parametrize(
    "options",
    [
        ("--style", "tutorial", "--edge", "none"),
        ("--style", "tutorial", "--strength", "3"),
        ("--blur", "9", "--strength", "3"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(
    toolkit: Command, painted: PaintedBackend, photo: Path, options: tuple[str, ...]
) -> None:
    assert toolkit("portrait", photo, *options).code == 2
    assert names(photo.parent) == ["me.png"]


def test_compare_shows_photo_tutorial_and_this_one(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    assert toolkit("portrait", photo, "--compare").code == 0
    shown = read_photo(photo.with_name("me.compare.png")).bgr
    assert shown.shape[1] > 3 * 400


def test_pictures_of_a_transparent_photo_of_16_bits_have_8(
    toolkit: Command, painted: PaintedBackend, tmp_path: Path
) -> None:
    sixteen_bit = np.random.default_rng(0).integers(0, 65536, (60, 80, 4)).astype(np.uint16)
    write_photo(tmp_path / "deep.png", sixteen_bit[..., :3], sixteen_bit[..., 3])
    options = ("--stages", "--overlay", "--compare")
    assert toolkit("portrait", tmp_path / "deep.png", *options).code == 0
    shown = read_photo(tmp_path / "deep.overlay.png", sixteen_bit=True)
    assert shown.alpha is not None
    assert shown.alpha.dtype == np.uint8
    assert np.array_equal(shown.alpha, eight_bits(sixteen_bit[..., 3]))


def test_sixteen_bits_stay_sixteen(
    toolkit: Command, painted: PaintedBackend, tmp_path: Path
) -> None:
    path = tmp_path / "deep.png"
    sixteen_bit = np.random.default_rng(0).integers(0, 65536, (60, 80, 3)).astype(np.uint16)
    cv2.imwrite(str(path), sixteen_bit)
    assert toolkit("portrait", path, "--stages", "--overlay", "--compare").code == 0
    made = read_photo(tmp_path / "deep.portrait.png", sixteen_bit=True).bgr
    assert made.dtype == np.uint16
    assert np.array_equal(made, make_portrait(sixteen_bit, painted).image)


def test_the_kernels_range_is_the_librarys(toolkit: Command) -> None:
    assert toolkit("portrait", "a.png", "--blur", str(KERNEL_LIMIT + 1)).code == 2
    assert toolkit("portrait", "a.png", "--blur", "0").code == 2


def test_alpha_is_kept_and_where_it_cannot_be_that_is_said(
    toolkit: Command, painted: PaintedBackend, tmp_path: Path
) -> None:
    pixels = random_photo(1, 40, 40)
    write_photo(tmp_path / "a.png", pixels, pixels[..., 0])
    quiet = toolkit("portrait", tmp_path / "a.png")
    alpha = read_photo(tmp_path / "a.portrait.png").alpha
    assert alpha is not None
    assert np.array_equal(alpha, pixels[..., 0])
    assert "transparency" not in quiet.stderr
    outcome = toolkit("portrait", tmp_path / "a.png", "-o", tmp_path / "b.jpg")
    assert outcome.code == 0
    assert "JPEG has no transparency" in outcome.stderr


def test_the_portrait_keeps_metadata_and_the_other_pictures_have_none(
    toolkit: Command, painted: PaintedBackend, tmp_path: Path
) -> None:
    told = Metadata(exif=upright_exif(camera_exif()), xmp=XMP)
    write_photo(tmp_path / "a.jpg", random_photo(1, 90, 120), metadata=told)
    assert toolkit("portrait", tmp_path / "a.jpg", "--stages", "--overlay").code == 0
    assert PLACE in (tmp_path / "a.portrait.jpg").read_bytes()
    assert (
        read_photo(tmp_path / "a.portrait.jpg").metadata == read_photo(tmp_path / "a.jpg").metadata
    )
    for name in ("a.stages.png", "a.overlay.png"):
        assert read_photo(tmp_path / name).metadata == Metadata()


def test_strip_leaves_the_place_out_of_the_portrait(
    toolkit: Command, painted: PaintedBackend, tmp_path: Path
) -> None:
    told = Metadata(exif=upright_exif(camera_exif()))
    write_photo(tmp_path / "a.jpg", random_photo(1, 90, 120), metadata=told)
    assert toolkit("portrait", tmp_path / "a.jpg", "--strip").code == 0
    stripped = (tmp_path / "a.portrait.jpg").read_bytes()
    assert PLACE not in stripped
    assert exif_of_file(stripped)[ExifTags.Base.Make] == "Maker"


def test_quality_is_that_of_the_portrait(
    toolkit: Command, painted: PaintedBackend, photo: Path, tmp_path: Path
) -> None:
    for quality in (20, 95):
        output = tmp_path / f"{quality}.jpg"
        assert toolkit("portrait", photo, "--quality", str(quality), "-o", output).code == 0
    assert toolkit("portrait", photo, "-o", tmp_path / "default.jpg").code == 0
    low, high, default = (
        (tmp_path / name).read_bytes() for name in ("20.jpg", "95.jpg", "default.jpg")
    )
    assert len(low) < len(high)
    assert high == default
    assert toolkit("portrait", photo, "--quality", "0").code == 2
    assert toolkit("portrait", photo, "--quality", "101").code == 2


@pytest.mark.parametrize(("style", "kept"), [("natural", True), ("tutorial", False)])
def test_16_bits_are_kept_but_in_the_tutorials_style(
    toolkit: Command, painted: PaintedBackend, tmp_path: Path, style: str, kept: bool
) -> None:
    levels = np.random.default_rng(1).integers(0, 2**16, (40, 40, 4), dtype=np.uint16)
    write_photo(tmp_path / "a.png", levels[..., :3], levels[..., 3])
    options = ("--subject", "cat", "--style", style)
    assert toolkit("portrait", tmp_path / "a.png", *options).code == 0
    made = read_photo(tmp_path / "a.portrait.png", sixteen_bit=True)
    expected = levels if kept else eight_bits(levels)
    assert made.alpha is not None
    assert made.bgr.dtype == expected.dtype
    assert np.array_equal(made.bgr, expected[..., :3])
    assert np.array_equal(made.alpha, expected[..., 3])


def test_without_the_subject_the_photo_is_written_unchanged_with_a_warning(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    outcome = toolkit("portrait", photo, "--subject", "cat", "--json")
    assert outcome.code == 0
    assert f"{photo}: no cat found: written unchanged" in outcome.stderr
    assert json.loads(outcome.stdout)["photos"][0]["subject_found"] is False
    assert np.array_equal(read_photo(photo.with_name("me.portrait.png")).bgr, read_photo(photo).bgr)


def test_a_missing_subject_is_a_failed_check_only_where_required(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    assert toolkit("portrait", photo, "--subject", "cat", "--require-subject").code == 1
    assert toolkit("portrait", photo, "--require-subject").code == 0


def test_the_subject_may_be_a_number(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    painted.label = 8
    document = json.loads(toolkit("portrait", photo, "--subject", "8", "--json").stdout)
    assert document["photos"][0]["subject"] == "cat"
    assert document["photos"][0]["subject_found"] is True


def test_an_unknown_subject_lists_the_labels(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    outcome = toolkit("portrait", photo, "--subject", "unicorn")
    assert outcome.code == 2
    assert "background, aeroplane" in outcome.stderr
    assert names(photo.parent) == ["me.png"]


def test_a_broken_photo_is_named_and_the_others_are_done(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    broken = photo.with_name("broken.jpg")
    broken.write_bytes(b"\xff\xd8\xff broken")
    missing = photo.with_name("missing.jpg")
    outcome = toolkit("portrait", broken, photo, missing, "--require-subject")
    assert outcome.code == 3
    named = [line for line in outcome.stderr.splitlines() if line.startswith("toolkit: ")]
    assert len(named) == 2
    assert str(broken) in named[0]
    assert f"{missing}: no such file" in named[1]
    assert "me.portrait.png" in names(photo.parent)


def test_a_backend_that_fails_on_one_photo_does_not_stop_the_others(
    toolkit: Command,
    painted: PaintedBackend,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = photo.with_name("other.png")
    write_photo(other, random_photo(2, 60, 60))
    segment = painted.segment

    def fail_once(image: tutorial.Pixels, **_: object) -> tutorial.Labels:
        monkeypatch.setattr(painted, "segment", segment)
        raise BackendError("out of memory")

    monkeypatch.setattr(painted, "segment", fail_once)
    outcome = toolkit("portrait", photo, other, "--workers", "1")
    assert outcome.code == 3
    assert "me.png: out of memory" in outcome.stderr
    assert names(photo.parent) == ["me.png", "other.png", "other.portrait.png"]


def test_json_is_one_document_with_a_line_per_photo(
    toolkit: Command, painted: PaintedBackend, photo: Path
) -> None:
    missing = photo.with_name("missing.jpg")
    outcome = toolkit("portrait", photo, missing, "--json")
    assert outcome.code == 3
    document = json.loads(outcome.stdout)
    done, failed = document.pop("photos")
    assert document == {
        "schema": "toolkit-portrait",
        "version": 1,
        "model": "mnv2_dm05_person",
        "backend": "onnx",
    }
    shares = {label["name"]: label["share"] for label in done.pop("labels")}
    assert sum(shares.values()) == pytest.approx(1)
    assert set(shares) == {"person", "background"}
    assert done == {
        "photo": str(photo),
        "output": str(photo.with_name("me.portrait.png")),
        "photo_size": [90, 120],
        "network_size": [48, 65],
        "subject": "person",
        "subject_found": True,
        "skipped": False,
        "error": None,
    }
    assert failed["error"] == f"{missing}: no such file"
    assert failed["output"] is None


def test_several_photos_go_to_a_folder_that_is_made(
    toolkit: Command, painted: PaintedBackend, photo: Path, tmp_path: Path
) -> None:
    other = photo.with_name("other.png")
    write_photo(other, random_photo(2, 60, 60))
    assert toolkit("portrait", photo, other, "-o", tmp_path / "new" / "folder").code == 0
    assert names(tmp_path / "new" / "folder") == ["me.portrait.png", "other.portrait.png"]


def test_the_bundled_network_makes_a_portrait_without_tensorflow(
    photo: Path, tmp_path: Path
) -> None:
    command = f"""
import sys
from toolkit.cli import app
app(["portrait", {str(photo)!r}, "--stages"], standalone_mode=False)
assert "tensorflow" not in sys.modules, "TensorFlow was imported"
"""
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert names(photo.parent) == ["me.png", "me.portrait.png", "me.stages.png"]


PEAK = """
import sys
from toolkit.bench.usage import max_rss_bytes
from toolkit.cli import app
app(sys.argv[1:], standalone_mode=False)
print(max_rss_bytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says how much memory there was")
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_photo_of_20_megapixels_needs_at_most_four_times_its_bytes(
    tmp_path: Path, suffix: str
) -> None:
    peaks = []
    for name, (width, height) in (("small", (150, 100)), ("large", (5478, 3651))):
        photo = tmp_path / f"{name}{suffix}"
        cv2.imwrite(str(photo), cv2.resize(demo_photo(), (width, height)))
        done = subprocess.run(
            [sys.executable, "-c", PEAK, "portrait", photo, "-q", "--require-subject"],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.splitlines()[-1]))
    small, large = peaks
    assert large - small < 4 * 3 * 5478 * 3651
