"""What an export was judged on, written into its manifest."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit import __version__
from toolkit.convert.manifest import manifest_path, read_manifest
from toolkit.evaluate.schema import Evaluation, VariantQuality, summarize
from toolkit.files.atomic import write_atomically
from toolkit.hub.store import Store

log = logging.getLogger(__name__)

KEY = ("dataset_sha256", "subject", "backend")
"""An entry takes the place of an older one that has these in common."""


def record_quality(
    export: Path, judged: VariantQuality, evaluation: Evaluation, store: Store
) -> bool:
    """Write a variant's figures into the manifest beside its export.

    Parameters
    ----------
    export : Path
        The file that was judged.
    judged : VariantQuality
    evaluation : Evaluation
        Which dataset and photos it was judged on.
    store : Store
        Its lock is held meanwhile.

    Returns
    -------
    bool
        False where there is no manifest; the log says so.

    Raises
    ------
    ExportError
        The manifest is damaged or belongs to other bytes.
    StoreError
        It can't be written.
    """
    manifest = read_manifest(export)
    if manifest is None:
        log.warning("%s has no manifest beside it: its figures are not recorded", export)
        return False
    entry = _entry(judged, evaluation)
    with store.lock(manifest.model):
        manifest = read_manifest(export) or manifest  # another may have recorded meanwhile
        others = [one for one in manifest.quality if any(one.get(key) != entry[key] for key in KEY)]
        changed = replace(manifest, quality=(*others, entry))
        write_atomically(manifest_path(export), changed.to_json())
    return True


def _entry(judged: VariantQuality, evaluation: Evaluation) -> dict[str, Any]:
    summary = summarize(judged)
    return {
        "dataset": evaluation.dataset.name,
        "dataset_sha256": evaluation.dataset.sha256,
        "photos": len(evaluation.photos),
        "subject": evaluation.settings.subject,
        "backend": judged.variant.backend,
        "version": judged.version,
        "toolkit": __version__,
        "created": evaluation.created,
        "mean_iou": summary.mean_iou,
        "median_iou": summary.median_iou,
        "p5_iou": summary.p5_iou,
        "boundary_f": summary.boundary_f,
        "false_positive_share": summary.false_positive_share,
    }
