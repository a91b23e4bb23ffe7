"""What a recommendation depends on, checked before any time is spent."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.backends import find_backend
from toolkit.bench.photos import BenchPhoto
from toolkit.errors import InputFileError, ToolkitError
from toolkit.evaluate.dataset import Dataset, hash_of, voc_number
from toolkit.host import host_facts
from toolkit.recommend.candidates import Candidate
from toolkit.recommend.timing import TimedStep


def check_dataset(dataset: Dataset, subject: str, step: TimedStep) -> str:
    """Read every file before hours are spent; return the dataset's hash."""
    label = voc_number(subject) if dataset.layout == "voc" else -1
    parts, shown = [], False
    for done, item in enumerate(dataset.items):
        step(done, len(dataset.items))
        photo = dataset.read(item)
        shown = shown or bool(photo.truth(label).subject.any())
        parts.append((photo.name, *photo.hashes))
    if not shown:
        raise InputFileError(
            dataset.path,
            f"no photo shows {subject}, so there is no IoU to choose by",
            "give photos that show it, with their masks",
        )
    return hash_of(parts)


def require_label(candidates: Sequence[Candidate], subject: str) -> None:
    """Refuse a label that the network lacks before anything is timed."""
    for candidate in candidates:
        prepared = candidate.prepared
        try:
            opening = find_backend(prepared.variant.backend).open_file(
                prepared.artifact,
                name=prepared.model.name,
                labels=prepared.labels,
                trusted=prepared.trusted,
                threads=1,
            )
        except ToolkitError:
            continue  # the timing says so too, and of which candidate
        with opening as backend:
            backend.network.require_label(subject)
        return


def inputs_of(
    candidates: Sequence[Candidate], photo: BenchPhoto, dataset_sha256: str, subject: str
) -> dict[str, str]:
    """Return what a state belongs to, by name: where any differs, what was done is of no use."""
    host = host_facts()
    ran = (one.prepared.model for one in candidates)
    return {
        "photo": photo.facts.sha256,
        "dataset": dataset_sha256,
        "subject": subject,
        "machine": f"{host.cpu}, {host.available_cores} cores, {host.kernel}",
        "Python": host.python,
        "set of versions": str(sorted(host.versions.items())),
        "set of candidates": str(
            [
                (one.name, facts.onnx_sha256 or facts.graph_sha256)
                for one, facts in zip(candidates, ran, strict=True)
            ]
        ),
    }
