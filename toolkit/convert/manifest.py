"""The manifest beside an export: what it was made from, with what, and what verification found."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from toolkit.errors import ExportError
from toolkit.files.atomic import sha256_of
from toolkit.schema.records import read_record

SCHEMA = "toolkit-manifest"
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """What is recorded of an export; its fields are the JSON document's.

    Attributes
    ----------
    file, sha256, size : str, str, int
        The ONNX file's name, SHA-256 and bytes.
    model, source_graph_sha256 : str
        The model's name and the frozen graph it was made from.
    profile : str
        Its name, such as ``plain``.
    passes : tuple of str
        What was done to tf2onnx's model, in this order; empty in manifests of before there were
        profiles.
    skipped : dict of str to str
        Passes that did not recognize the graph and only save work, each with the reason.
    opset : int
        Of the default ONNX domain.
    input, output : str
        The two tensors.
    crop : (int, int)
        Height and width of the network's crop, pixels.
    labels : tuple of str
        Label names, by number.
    tools : dict of str to str
        Versions of what made it.
    created : str
        When, ISO 8601, UTC.
    verification : dict
        ``passed``; the rule's ``near_tie``, or the ``least_agreement`` that was asked for instead
        and the ``agreement`` found; per input what `toolkit verify` reports.
    quantization : dict or None
        Of a quantized profile: ``photos``, the hashes of the decoded photos it was calibrated on;
        ``float_layers`` that stayed float, each with its share of the multiply-adds and the error
        of the logits, relative to their variance, with it and those before it in float;
        ``error_all`` and ``error``, with all layers quantized and as it is.
    quality : tuple of dict
        What `toolkit evaluate --record` found, one for each dataset, subject and backend.
    """

    file: str
    sha256: str
    size: int
    model: str
    source_graph_sha256: str
    profile: str
    opset: int
    input: str
    output: str
    crop: tuple[int, int]
    labels: tuple[str, ...]
    tools: dict[str, str]
    created: str
    verification: dict[str, Any]
    passes: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    quantization: dict[str, Any] | None = None
    quality: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> bytes:
        """Return the JSON document."""
        content = {item.name: getattr(self, item.name) for item in fields(self)}
        document = {"schema": SCHEMA, "version": VERSION, **content}
        return (json.dumps(document, indent=2) + "\n").encode()


def export_name(model: str, profile: str, opset: int) -> str:
    """Return the file name of an export.

    >>> export_name("mobilenet", "exact", 18)
    'mobilenet.exact.opset18.onnx'
    """
    return f"{model}.{profile}.opset{opset}.onnx"


def manifest_path(export: Path) -> Path:
    """Return where the manifest of an export lies: its name with ``.json`` added."""
    return export.with_name(export.name + ".json")


def read_manifest(export: Path | str) -> Manifest | None:
    """Read the manifest beside an export, None where there is none.

    Parameters
    ----------
    export : Path
        The ONNX file.

    Raises
    ------
    ExportError
        The manifest is damaged or belongs to other bytes.
    """
    export = Path(export)
    path = manifest_path(export)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if (document["schema"], document["version"]) != (SCHEMA, VERSION):
            raise ExportError(path, "is no manifest this version reads", "convert the graph again")
        manifest = read_record(Manifest, document)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise ExportError(path, "is damaged", "convert the graph again") from error
    if manifest.sha256 != sha256_of(export):
        raise ExportError(path, f"belongs to other bytes than {export}", "convert the graph again")
    return manifest
