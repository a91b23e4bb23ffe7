"""The file that `toolkit portrait --config` takes: what to run, and what it was measured on."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.backends import find_backend
from toolkit.convert.profiles import find_profile
from toolkit.errors import HashMismatchError, InputFileError, UsageError
from toolkit.files.atomic import sha256_of, write_atomically
from toolkit.hub.model import Model, resolve_model
from toolkit.schema.records import RecordError, read_record

SCHEMA = "toolkit-config"
VERSION = 1
REMEDY = "toolkit recommend writes such a file"


@dataclass(frozen=True)
class Measured:
    """What a configuration was measured on; for people, and to be compared with later.

    Attributes
    ----------
    created, toolkit : str
        When, ISO 8601 UTC, and by which version.
    cpu : str
    available_cores : int
    runtime : str
        The backend's version.
    photo, photo_sha256, dataset, dataset_sha256 : str
        What latency and quality were measured on.
    whole_ms : float
        Median from decoded photo to portrait.
    mean_iou, reference_iou : float
        Over the dataset's photos that show the subject: this one's and the reference's.
    """

    created: str
    toolkit: str
    cpu: str
    available_cores: int
    runtime: str
    photo: str
    photo_sha256: str
    dataset: str
    dataset_sha256: str
    whole_ms: float
    mean_iou: float
    reference_iou: float


@dataclass(frozen=True)
class Config:
    """What a portrait is to be made with; what is None is left to the command.

    Attributes
    ----------
    model : str or None
        A MODEL argument.
    model_sha256 : str or None
        Of the frozen graph, or where the model is an ONNX file, of that.
    profile : str or None
        Of the export; None where the backend runs the frozen graph, or the model is an ONNX file.
    backend : str or None
    threads : int or None
    subject : str or None
        Name or number of the label.
    measured : Measured or None
    """

    model: str | None = None
    model_sha256: str | None = None
    profile: str | None = None
    backend: str | None = None
    threads: int | None = None
    subject: str | None = None
    measured: Measured | None = None


def config_text(config: Config) -> str:
    """Return a configuration as TOML."""
    lines = [f'schema = "{SCHEMA}"', f"version = {VERSION}", *_lines(config)]
    if config.measured:
        lines += ["", "[measured]", *_lines(config.measured)]
    return "\n".join(lines) + "\n"


def write_config(path: Path, config: Config) -> None:
    """Write a configuration's file, whole or not at all.

    Raises
    ------
    StoreError
        It can't be written.
    """
    write_atomically(path, config_text(config).encode())


def read_config(path: Path) -> Config:
    """Read a configuration.

    Raises
    ------
    InputFileError
        It is missing, no TOML, of another kind or version, or has an unknown key, a value of
        another type, a backend or a profile that there is none of.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputFileError(path, f"can't be read ({error.strerror})", REMEDY) from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise InputFileError(path, f"is not TOML ({error})", REMEDY) from error
    if document.pop("schema", None) != SCHEMA:
        raise InputFileError(path, f'has no line schema = "{SCHEMA}"', REMEDY)
    if (version := document.pop("version", None)) != VERSION:
        raise InputFileError(
            path,
            f"is of schema version {version!r}; this toolkit reads {VERSION}",
            "use the toolkit that wrote it, or a newer one",
        )
    try:
        _refuse_unknown(Config, document)
        config = read_record(Config, document)
        _check(config)
    except (RecordError, UsageError) as error:
        raise InputFileError(path, str(error), REMEDY) from error
    return config


@dataclass(frozen=True)
class Configured:
    """What a portrait is made with.

    Attributes
    ----------
    model : Model
    backend, subject : str
    threads : int or None
        The configuration's: measured with one photo at a time.
    """

    model: Model
    backend: str
    subject: str
    threads: int | None


def configure(
    path: Path | None,
    *,
    model: str | None = None,
    backend: str | None = None,
    subject: str | None = None,
    trusted: bool = False,
) -> Configured:
    """Combine options with a configuration; options win.

    Parameters
    ----------
    path : Path, optional
        The configuration's file.
    model, backend, subject : str, optional
        By default the configuration's, else the default model, ``onnx`` and ``person``.
    trusted : bool
        Skip the operation allowlist when the graph is read.

    Raises
    ------
    InputFileError, ModelNotFoundError, HashMismatchError
        As in `read_config` and `resolve_configured`.
    """
    config = read_config(path) if path else Config()
    if path and model is None:
        found = resolve_configured(config, path, trusted=trusted)
    else:
        found = resolve_model(model, trusted=trusted)
    return Configured(
        model=found,
        backend=backend or config.backend or "onnx",
        subject=subject or config.subject or "person",
        threads=config.threads,
    )


def resolve_configured(config: Config, path: Path, *, trusted: bool = False) -> Model:
    """Find the model that a configuration names, and check that it is that one.

    Parameters
    ----------
    config : Config
    path : Path
        Its file, for messages.
    trusted : bool
        Skip the operation allowlist when the graph is read.

    Raises
    ------
    ModelNotFoundError
        There is none of that name.
    HashMismatchError
        It is another than was measured.
    """
    name = config.model or ""
    if config.profile:
        name += f"+{config.profile}"
    model = resolve_model(name or None, trusted=trusted)
    if config.model_sha256 is not None and (found := model_sha256(model)) != config.model_sha256:
        raise HashMismatchError(
            f"{path}: the model {config.model or model.name} is another than it was made for",
            config.model_sha256,
            found,
            "run toolkit recommend again, or name another model with --model",
        )
    return model


def model_sha256(model: Model) -> str:
    """Return the hash of a model's frozen graph, or of its ONNX file where it is one."""
    return sha256_of(model.path) if model.kind == "onnx" else model.graph().sha256


def _lines(record: Config | Measured) -> list[str]:
    """Write the scalars of a record, a line each; what is None has none."""
    values = ((field.name, getattr(record, field.name)) for field in dataclasses.fields(record))
    return [
        f"{name} = {_scalar(value)}"
        for name, value in values
        if value is not None and not dataclasses.is_dataclass(value)
    ]


def _scalar(value: str | float) -> str:
    # TOML's basic strings take JSON's escapes, but JSON leaves DEL as it is
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _refuse_unknown(kind: type[Any], document: Mapping[str, Any], where: str = "") -> None:
    """Refuse what a later version might mean: a key passed over would be a setting not followed."""
    known = {field.name for field in dataclasses.fields(kind)}
    for key in document:
        if key not in known:
            raise RecordError(f"unknown key {where}{key}; known are {', '.join(sorted(known))}")
    measured = document.get("measured")
    if kind is Config and isinstance(measured, dict):
        _refuse_unknown(Measured, measured, "measured.")


def _check(config: Config) -> None:
    """Check what types can't say."""
    if config.threads is not None and config.threads < 1:
        raise RecordError(f"threads is {config.threads}, not 1 or more")
    if config.model_sha256 is not None and not re.fullmatch("[0-9a-f]{64}", config.model_sha256):
        raise RecordError("model_sha256 is no SHA-256 in hexadecimal")
    if config.backend is not None:
        find_backend(config.backend)
    if config.profile is not None:
        find_profile(config.profile)
