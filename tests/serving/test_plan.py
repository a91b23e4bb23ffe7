"""Which photos are taken and where their portraits go: files, folders, patterns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.serving.runs import make_jobs, run
from toolkit.errors import InputFileError, StoreError, UsageError
from toolkit.serving.job import Job
from toolkit.serving.plan import plan_jobs


@pytest.mark.parametrize(
    ("photo", "output", "expected"),
    [
        ("a.jpg", None, "a.portrait.jpg"),
        ("x/a.b.JPEG", None, "x/a.b.portrait.JPEG"),
        ("a.gif", None, "a.portrait.png"),
        ("a", None, "a.portrait.png"),
        ("x/a.jpg", "out.png", "out.png"),
        ("x/a.jpg", "out/", "out/a.portrait.jpg"),
        ("x/a.jpg", "folder", "folder/a.portrait.jpg"),
    ],
)
def test_where_a_portrait_goes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo: str,
    output: str | None,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    [job] = plan_jobs([Path(photo)], output, stages=True, overlay=True)
    assert job.output == Path(expected)
    stem = str(Path(expected).with_suffix("")).removesuffix(".portrait")
    assert job.stages == Path(f"{stem}.stages.png")
    assert job.overlay == Path(f"{stem}.overlay.png")


@pytest.mark.parametrize(
    ("photos", "output", "problem"),
    [
        (["a.jpg", "x/a.jpg"], "out/", "would both be written to"),
        (["a.jpg", "a.jpg"], None, "would both be written to"),
        (["a.jpg", "./a.jpg"], None, "would both be written to"),
        (["a.jpg", "a.png"], None, "would both be written to"),  # their stages
        (["a.jpg", "b.jpg"], "one.jpg", "is one file for several photos"),
        (["a.jpg"], "a.jpg", "is one of the photos"),
        (["x/a.jpg"], "x/../x/a.jpg", "is one of the photos"),
        (["a.jpg", "a.portrait.jpg"], None, "is one of the photos"),
        (["a.jpg"], "out.gif", "can't write .gif"),
        (["a.jpg"], "out", "can't write a file without suffix"),
    ],
)
def test_names_that_make_no_sense_are_refused_before_any_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photos: list[str],
    output: str | None,
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=problem):
        plan_jobs(list(map(Path, photos)), output, stages=True, overlay=True)


def test_a_link_to_a_photo_is_not_written_over(tmp_path: Path) -> None:
    photo, link = tmp_path / "a.jpg", tmp_path / "link.jpg"
    photo.touch()
    link.symlink_to(photo)
    with pytest.raises(UsageError, match="is one of the photos"):
        plan_jobs([photo], str(link), stages=False, overlay=False)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of photos, videos, other files and hidden ones, where the process is."""
    for name in (
        "b.JPG a.jpg c.gif notes.txt clip.mp4 .hidden.jpg a.portrait.jpg a.stages.png "
        "a.overlay.png a.compare.png beach/d.png beach/a.jpg beach/deep/e.webp .hidden/f.jpg "
        "empty/notes.txt"
    ).split():
        path = tmp_path / "holiday" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(*images: str, output: str | None = None, recursive: bool = False) -> list[Job]:
    paths = [Path(image) for image in images]
    return plan_jobs(paths, output, stages=False, overlay=False, recursive=recursive)


def photos(*images: str, recursive: bool = False) -> list[str]:
    return [str(job.photo) for job in plan(*images, recursive=recursive)]


def outputs(*images: str, output: str | None = None, recursive: bool = False) -> list[str]:
    return [str(job.output) for job in plan(*images, output=output, recursive=recursive)]


TOP = ["holiday/a.jpg", "holiday/b.JPG", "holiday/c.gif"]
BELOW = ["holiday/beach/a.jpg", "holiday/beach/d.png", "holiday/beach/deep/e.webp"]


def test_a_folder_is_its_photos_by_name_without_hidden_and_own_files(tree: Path) -> None:
    assert photos("holiday") == TOP


def test_with_recursive_its_folders_follow(tree: Path) -> None:
    assert photos("holiday", recursive=True) == TOP + BELOW


def test_videos_are_passed_over_with_a_word(tree: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        plan("holiday")
    assert "videos passed over: 1" in caplog.text


def test_links_to_folders_are_not_followed_and_links_to_photos_are(tree: Path) -> None:
    (tree / "holiday/beach/up").symlink_to(tree / "holiday")
    (tree / "elsewhere.png").touch()
    (tree / "holiday/link.png").symlink_to(tree / "elsewhere.png")
    (tree / "holiday/broken.png").symlink_to(tree / "nowhere.png")
    (tree / "album").symlink_to(tree / "holiday/beach")
    assert photos("holiday", recursive=True) == [*TOP, "holiday/link.png", *BELOW]
    assert photos("album") == ["album/a.jpg", "album/d.png"]  # it was named itself


@pytest.mark.parametrize(
    ("pattern", "recursive", "expected"),
    [
        ("holiday/*.jpg", False, ["holiday/a.jpg"]),
        ("holiday/[ab].*", False, TOP[:2]),
        ("holiday/*", False, TOP),
        ("*/*/*.jpg", False, ["holiday/beach/a.jpg"]),
        ("holiday/**/?.jpg", True, ["holiday/a.jpg", "holiday/beach/a.jpg"]),
        ("**/*.png", True, ["holiday/beach/d.png"]),
    ],
)
def test_a_pattern_is_the_photos_that_match(
    tree: Path, pattern: str, recursive: bool, expected: list[str]
) -> None:
    assert photos(pattern, recursive=recursive) == expected
    absolute = [str(tree / name) for name in expected]
    assert photos(str(tree / pattern), recursive=recursive) == absolute


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    (tree / "holiday" / "a[1].jpg").touch()
    assert photos("holiday/a[1].jpg") == ["holiday/a[1].jpg"]


@pytest.mark.parametrize(
    ("image", "recursive", "problem"),
    [
        ("holiday/empty", False, "holds no photo; --recursive"),
        ("holiday/empty", True, "holds no photo; give another"),
        ("holiday/*.tiff", False, "matches no photo"),
        ("holiday/*.txt", False, "matches no photo"),
    ],
)
def test_nothing_to_do_is_an_error(tree: Path, image: str, recursive: bool, problem: str) -> None:
    with pytest.raises(InputFileError, match=problem):
        plan(image, recursive=recursive)


def test_a_pattern_looks_into_folders_only_with_recursive(tree: Path) -> None:
    with pytest.raises(UsageError, match="--recursive"):
        plan("holiday/**/*.jpg")


def test_a_folder_that_cannot_be_listed_is_named(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputFileError, match=r"holiday: can't be listed \(Permission denied\)"):
        plan("holiday")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (None, ["holiday/a.portrait.jpg", "holiday/beach/a.portrait.jpg"]),
        ("out/", ["out/a.portrait.jpg", "out/beach/a.portrait.jpg"]),
        ("out", ["out/a.portrait.jpg", "out/beach/a.portrait.jpg"]),
        ("{stem}.blurred{ext}", ["holiday/a.blurred.jpg", "holiday/beach/a.blurred.jpg"]),
        ("out/{folder}/{stem}.png", ["out/a.png", "out/beach/a.png"]),
        ("{folder}/{stem}_{ext}", ["a_.jpg", "beach/a_.jpg"]),
        ("out/{folder}/soft/", ["out/soft/a.portrait.jpg", "out/beach/soft/a.portrait.jpg"]),
    ],
)
def test_where_the_portraits_of_a_folder_go(
    tree: Path, output: str | None, expected: list[str]
) -> None:
    for other in ("b.JPG", "c.gif", "beach/d.png", "beach/deep/e.webp"):
        (tree / "holiday" / other).unlink()
    assert outputs("holiday", output=output, recursive=True) == expected
    assert outputs("holiday/**/*.jpg", output=output, recursive=True) == expected


def test_a_format_that_cannot_be_written_becomes_png_in_a_pattern(tree: Path) -> None:
    assert outputs("holiday/c.gif", output="x/{stem}{ext}") == ["x/c.png"]


def test_a_folder_of_one_photo_is_treated_as_one_of_many(tree: Path) -> None:
    for name in TOP[1:]:
        (tree / name).unlink()
    assert outputs("holiday", output="out") == ["out/a.portrait.jpg"]


@pytest.mark.parametrize(
    ("output", "recursive", "problem"),
    [
        ("out/{stem}{ext}", True, "would both be written to"),
        ("out/all.jpg", False, "is one file for several photos"),
        ("{stem}{ext}", False, "is one of the photos"),
        ("{name}.jpg", False, r"unknown field \{name\}; fields are \{stem\} \{ext\} \{folder\}"),
        ("{}.jpg", False, "unknown field"),
        ("{stem}.gif", False, "can't write .gif"),
        ("{stem}", False, "can't write a file without suffix"),
    ],
)
def test_patterns_that_make_no_sense_are_refused_before_any_work(
    tree: Path, output: str, recursive: bool, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        plan("holiday", output=output, recursive=recursive)


def test_a_photo_given_twice_is_refused(tree: Path) -> None:
    with pytest.raises(UsageError, match="would both be written to"):
        plan("holiday", "holiday/a.jpg")


def test_what_was_made_under_any_name_is_not_a_photo_of_the_next_run(tmp_path: Path) -> None:
    made = [
        Job(job.photo, job.photo.with_name(f"{job.photo.stem}x.png")) for job in make_jobs(tmp_path)
    ]
    run(made)
    folder = str(tmp_path / "photos")
    originals = [str(job.photo) for job in made]
    everything = sorted([*originals, *(str(job.output) for job in made)])
    pattern = "{stem}x{ext}"
    assert [str(job.photo) for job in plan(folder, output=pattern)] == originals
    assert [str(job.photo) for job in plan(f"{folder}/*.png", output=pattern)] == originals
    # as the shell writes out *.png
    assert [str(job.photo) for job in plan(*everything, output=pattern)] == originals
    # what was made may be made into something else
    assert outputs(str(made[0].output)) == [str(made[0].output.with_name("0x.portrait.png"))]


def test_a_photo_that_no_run_made_is_never_written_over(tmp_path: Path) -> None:
    for name in ("0.png", "0x.png"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="is one of the photos"):
        plan(str(tmp_path), output="{stem}x{ext}")


def test_a_photo_is_not_its_own_output_even_if_it_was_made(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path)
    run(jobs)
    with pytest.raises(UsageError, match="is one of the photos"):
        plan(str(jobs[0].output), output=str(jobs[0].output))


def test_a_broken_record_beside_the_photos_is_named(tree: Path) -> None:
    (tree / "holiday/.toolkit-portraits.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(StoreError, match=r"\.toolkit-portraits\.db: .* remove"):
        plan("holiday")
