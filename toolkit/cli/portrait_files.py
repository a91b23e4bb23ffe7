"""Which files `toolkit portrait` writes, decided before any work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import UsageError

MARK = ".portrait"


@dataclass(frozen=True)
class Job:
    """A photo and the files that are made of it."""

    photo: Path
    output: Path
    stages: Path | None
    overlay: Path | None
    compare: Path | None

    @property
    def outputs(self) -> list[Path]:
        """Every file that is written."""
        pictures = (self.output, self.stages, self.overlay, self.compare)
        return [path for path in pictures if path]


def plan_jobs(
    images: Sequence[Path],
    output: str | None,
    *,
    stages: bool,
    overlay: bool,
    compare: bool = False,
) -> list[Job]:
    """Decide every file name before any work.

    Parameters
    ----------
    images : sequence of Path
    output : str or None
        A file, or a folder: an existing one, or a name that ends with a slash; several photos take
        any name that is not a photo's for a folder.
    stages, overlay, compare : bool
        Whether those pictures are written too.

    Raises
    ------
    UsageError
        A suffix that can't be written, or two photos would go to one file, or one over a photo.
    """
    jobs = []
    for photo in images:
        target = _output(photo, output, several=len(images) > 1)
        stem = target.with_name(target.stem.removesuffix(MARK))
        jobs.append(
            Job(
                photo,
                target,
                stem.with_name(f"{stem.name}.stages.png") if stages else None,
                stem.with_name(f"{stem.name}.overlay.png") if overlay else None,
                stem.with_name(f"{stem.name}.compare.png") if compare else None,
            )
        )
    _refuse_collisions(jobs)
    return jobs


def _output(photo: Path, output: str | None, *, several: bool) -> Path:
    from toolkit.media import WRITTEN_AS, check_writable

    suffix = photo.suffix if photo.suffix.lower() in WRITTEN_AS else ".png"
    name = f"{photo.stem}{MARK}{suffix}"
    if output is None:
        return photo.with_name(name)
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        return path / name
    if not several:
        check_writable(path)
        return path
    if path.exists() or path.suffix.lower() in WRITTEN_AS:
        raise UsageError(f"{output} is one file for several photos", "give a folder")
    return path / name


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    photos = {job.photo.resolve() for job in jobs}
    makers: dict[Path, Path] = {}
    for job in jobs:
        for path in job.outputs:
            target = path.resolve()
            if target in photos:
                raise UsageError(f"{path} is one of the photos", "choose another name with -o")
            if target in makers:
                raise UsageError(
                    f"{makers[target]} and {job.photo} would both be written to {path}",
                    "give them in two calls with -o",
                )
            makers[target] = job.photo
