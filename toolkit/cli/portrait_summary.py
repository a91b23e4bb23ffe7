"""What `toolkit portrait` says of its photos: of a few each one, of many a summary."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from toolkit.cli.console import Console

if TYPE_CHECKING:
    from toolkit.serving.job import Job, PhotoReport

log = logging.getLogger("toolkit")

FEW = 20
"""So many photos are spoken of one by one."""


class RunSummary:
    """Counts what became of photos, and says it.

    Parameters
    ----------
    jobs : sequence of Job
        All of the run.
    console : Console

    Attributes
    ----------
    reports : list of PhotoReport
        Kept only where a JSON document is wanted.
    bad : list of str
        A line for each photo that could not be done.
    made, skipped : int
        Portraits of this run, and of earlier ones.
    without_subject : int
        Of both, those of photos that don't show it.
    """

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        self._jobs = jobs
        self._console = console
        self._few = len(jobs) <= FEW
        self.reports: list[PhotoReport] = []
        self.bad: list[str] = []
        self.made = self.skipped = self.without_subject = 0

    def take(
        self, reports: Iterable[PhotoReport], progress: Callable[[int, int | None], None]
    ) -> None:
        """Take reports as they come, in the order of the jobs.

        Parameters
        ----------
        reports : iterable of PhotoReport
        progress : callable
            Called with how many are through, and how many there are: without those skipped, which
            take no time.
        """
        try:
            for job, report in zip(self._jobs, reports, strict=True):
                self._count(report)
                self._speak_of(job, report)
                progress(self.made + len(self.bad), len(self._jobs) - self.skipped)
        except KeyboardInterrupt:
            done = self.made + self.skipped
            self._console.warn(
                f"toolkit: {done} of {len(self._jobs)} portraits are done; "
                "the same command with --resume goes on"
            )
            raise

    def _count(self, report: PhotoReport) -> None:
        if self._console.as_json:
            self.reports.append(report)
        if report.error:
            self.bad.append(report.error)
            return
        self.skipped += report.skipped
        self.made += not report.skipped
        self.without_subject += not report.subject_found

    def _speak_of(self, job: Job, report: PhotoReport) -> None:
        if report.error:
            self._console.warn(f"toolkit: {report.error}")
            return
        if not report.subject_found:
            line = f"{job.photo}: no {report.subject} found: written unchanged"
            log.log(logging.WARNING if self._few else logging.DEBUG, "%s", line)
        written = "done before" if report.skipped else "written"
        outputs = ", ".join(map(str, job.outputs))
        if not self._few:
            log.debug("%s: %s: %s", job.photo, written, outputs)
            return
        if report.photo_size and report.network_size:  # an error has none
            (height, width), (network_height, network_width) = (
                report.photo_size,
                report.network_size,
            )
            self._console.result(
                f"{job.photo}: photo {width}x{height}, "
                f"network input {network_width}x{network_height}"
            )
        shares = ", ".join(f"{label.name} {label.share:.1%}" for label in report.labels)
        self._console.result(f"  labels:  {shares}")
        self._console.result(f"  {written}: {outputs}")

    def sum_up(self) -> None:
        """Print what became of several photos, and those that could not be done."""
        if len(self._jobs) == 1:
            return
        parts = [f"{self.made} made"]
        if self.skipped:
            parts.append(f"{self.skipped} done before")
        if self.without_subject:
            parts.append(f"{self.without_subject} of them without the subject, unchanged")
        if self.bad:
            parts.append(f"{len(self.bad)} not done:")
        self._console.result(f"{len(self._jobs)} photos: {', '.join(parts)}")
        for line in self.bad:
            self._console.result(f"  {line}")
