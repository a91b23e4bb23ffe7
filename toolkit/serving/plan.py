"""Which photos a run takes and which files it writes, decided before any work."""

from __future__ import annotations

import functools
import glob
import itertools
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import InputFileError, UsageError
from toolkit.imaging import FORMATS, WRITTEN, check_writable
from toolkit.serving.job import Job
from toolkit.serving.record import made_in
from toolkit.video import formats as video_formats

log = logging.getLogger(__name__)

MARK = ".portrait"

OWN = re.compile(rf".*(\{MARK}\.\w+|\.(stages|overlay|compare)\.png)", re.DOTALL)
"""Names that this command gives: in a folder they are passed over."""

FIELD = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class PhotoSource:
    """A photo to be done.

    Attributes
    ----------
    photo : Path
    folder : Path
        Where it lies below the folder that was given; empty for a photo that was named itself.
    named : bool
        Whether it was named itself.
    """

    photo: Path
    folder: Path = Path()
    named: bool = True


@dataclass(frozen=True)
class Formats:
    """What can be written.

    Attributes
    ----------
    written : collection of str
        Suffixes.
    fallback : str
        The suffix in place of one that can't be.
    check : callable
        Raises `UsageError` for a path of another suffix.
    """

    written: Collection[str]
    fallback: str
    check: Callable[[Path], object]


PHOTO_FORMATS = Formats(WRITTEN, ".png", check_writable)
VIDEO_FORMATS = Formats(video_formats.WRITTEN_AS, ".mkv", video_formats.check_writable)


def plan_video(video: Path, output: str | None) -> Path:
    """Decide the name of a video's file.

    Parameters
    ----------
    video : Path
    output : str or None
        As in `plan_jobs`, of one photo.

    Raises
    ------
    UsageError
        The suffix can't be written, or the pattern makes no sense.
    """
    return _output(PhotoSource(video), output, several=False, formats=VIDEO_FORMATS)


def plan_jobs(
    images: Sequence[Path],
    output: str | None,
    *,
    stages: bool,
    overlay: bool,
    compare: bool = False,
    recursive: bool = False,
) -> list[Job]:
    """Decide every photo and every file name before any work.

    Parameters
    ----------
    images : sequence of Path
        Photos, folders of photos, and patterns that the shell left as they are. In a folder, and of
        what matches a pattern, hidden files and what this command made itself are passed over.
    output : str or None
        A file, a folder (an existing one, or a name that ends with a slash; several photos take any
        name that is not a photo's for a folder), or a pattern with ``{stem}``, ``{ext}`` and
        ``{folder}``; a pattern without a slash is a name beside each photo. The tree below a folder
        that was given is kept below a folder of output.
    stages, overlay, compare : bool
        Whether those pictures are written too.
    recursive : bool
        Whether to look into the folders of a folder. Links to folders are not followed.

    Returns
    -------
    list of Job
        In the order of `images`, in a folder by name.

    Raises
    ------
    UsageError
        A suffix that can't be written, a pattern that makes no sense, or two photos would go to one
        file, or one over a photo.
    InputFileError
        A folder can't be read, or holds no photo.
    StoreError
        A folder's record can't be read.
    """
    sources = [source for image in images for source in _sources(image, recursive=recursive)]
    several = len(sources) > 1 or not all(source.named for source in sources)
    jobs = []
    for source in sources:
        target = _output(source, output, several=several, formats=PHOTO_FORMATS)
        stem = target.with_name(target.stem.removesuffix(MARK))
        jobs.append(
            Job(
                source.photo,
                target,
                stem.with_name(f"{stem.name}.stages.png") if stages else None,
                stem.with_name(f"{stem.name}.overlay.png") if overlay else None,
                stem.with_name(f"{stem.name}.compare.png") if compare else None,
            )
        )
    return _without_collisions(jobs)


def _sources(image: Path, *, recursive: bool) -> Iterator[PhotoSource]:
    if image.is_dir():
        yield from _in_folder(image, recursive=recursive)
    elif glob.has_magic(str(image)) and not os.path.lexists(image):
        yield from _matches(image, recursive=recursive)
    else:
        yield PhotoSource(image)


def _in_folder(top: Path, *, recursive: bool) -> Iterator[PhotoSource]:
    found, folders = False, [top]
    while folders:
        folder = folders.pop()
        inner, photos = _entries(folder)
        for photo in photos:
            found = True
            yield PhotoSource(photo, folder.relative_to(top), named=False)
        if recursive:
            folders += reversed(inner)  # the first by name is the next
    if not found:
        remedy = "give another folder" if recursive else "--recursive looks into its folders"
        raise InputFileError(top, "holds no photo", remedy)


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the photos in a folder, by name."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise InputFileError(
            folder, f"can't be listed ({error.strerror})", "check its permissions, or leave it out"
        ) from error
    shown = [entry for entry in entries if not entry.name.startswith(".")]
    folders = [Path(entry.path) for entry in shown if entry.is_dir(follow_symlinks=False)]
    return folders, _photos(Path(entry.path) for entry in shown if entry.is_file())


def _matches(pattern: Path, *, recursive: bool) -> Iterator[PhotoSource]:
    if "**" in pattern.parts and not recursive:
        raise UsageError(f"{pattern} looks into folders", "say so with --recursive")
    fixed = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    try:
        matches = sorted(fixed.glob(str(pattern.relative_to(fixed))))
    except ValueError as error:
        raise UsageError(f"{pattern} is no pattern ({error})", "write it as in '*.jpg'") from error
    shown = [
        path
        for path in matches
        if not any(part.startswith(".") for part in path.relative_to(fixed).parts)
        and path.is_file()
    ]
    photos = _photos(shown)
    if not photos:
        raise InputFileError(pattern, "matches no photo", "give another pattern, or a folder")
    for photo in photos:
        yield PhotoSource(photo, photo.parent.relative_to(fixed), named=False)


def _photos(files: Iterable[Path]) -> list[Path]:
    """Return what is a photo by its suffix and was not made by this command."""
    made = functools.cache(made_in)
    photos, videos = [], 0
    for path in files:
        suffix = path.suffix.lower()
        videos += suffix in video_formats.READ_SUFFIXES
        ours = OWN.fullmatch(path.name) or path.name in made(path.parent)
        if suffix in FORMATS and not ours:
            photos.append(path)
    if videos:
        log.info("videos passed over: %d; a folder stands for its photos", videos)
    return photos


def _output(source: PhotoSource, output: str | None, *, several: bool, formats: Formats) -> Path:
    photo = source.photo
    suffix = photo.suffix if photo.suffix.lower() in formats.written else formats.fallback
    name = f"{photo.stem}{MARK}{suffix}"
    if output is None:
        return photo.with_name(name)
    fields = {"stem": photo.stem, "ext": suffix, "folder": str(source.folder)}
    path = Path(_filled(output, fields))
    if path.is_dir() or output.endswith(("/", os.sep)):
        return path / ("" if "{folder}" in output else source.folder) / name
    if FIELD.search(output):
        formats.check(path)
        return path if len(Path(output).parts) > 1 else photo.with_name(path.name)
    if not several:
        formats.check(path)
        return path
    if path.exists() or path.suffix.lower() in formats.written:
        raise UsageError(
            f"{output} is one file for several photos",
            "give a folder, or a pattern as in '{stem}.blurred{ext}'",
        )
    return path / source.folder / name


def _filled(output: str, fields: Mapping[str, str]) -> str:
    """Put a photo's values into an output pattern."""
    for field in FIELD.findall(output):
        if field not in fields:
            raise UsageError(
                f"{output} has an unknown field {{{field}}}",
                f"fields are {' '.join(f'{{{known}}}' for known in fields)}",
            )
    return FIELD.sub(lambda found: fields[found[1]], output)


def _without_collisions(jobs: Sequence[Job]) -> list[Job]:
    """Refuse to write over a photo, or two photos to one file.

    A photo that is the output of another is passed over where the record says that it was made: as
    the shell writes out ``*.jpg`` again, it is among them.
    """
    real_folder = functools.cache(Path.resolve)  # a few folders hold thousands of photos
    made = functools.cache(made_in)

    def real(path: Path) -> str:
        return str(path.resolve() if path.is_symlink() else real_folder(path.parent) / path.name)

    photos = [real(job.photo) for job in jobs]
    written = [[real(path) for path in job.outputs] for job in jobs]
    taken = set(photos)
    for photo, targets in zip(photos, written, strict=True):
        for ours in map(Path, taken.intersection(targets) - {photo}):
            if ours.name in made(ours.parent):
                taken.remove(str(ours))
    makers: dict[str, Job] = {}
    left = []
    for job, photo, targets in zip(jobs, photos, written, strict=True):
        if photo not in taken:
            continue
        left.append(job)
        for path, target in zip(job.outputs, targets, strict=True):
            if target in taken:
                raise UsageError(f"{path} is one of the photos", "choose another name with -o")
            if target in makers:
                raise UsageError(
                    f"{makers[target].photo} and {job.photo} would both be written to {path}",
                    "give them in two calls with -o",
                )
            makers[target] = job
    return left
