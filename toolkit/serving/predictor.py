"""Bytes of a photo in, bytes of a portrait out: what a command, a server and a worker stand on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from toolkit.backends import artifact_sha256, find_backend
from toolkit.backends.base import Closing
from toolkit.errors import ToolkitError
from toolkit.host import available_cores, limit_opencv
from toolkit.hub.model import Model, resolve_model
from toolkit.hub.opening import ensure_artifact
from toolkit.hub.store import Store
from toolkit.imaging import Photo, decode_image, encode_image
from toolkit.imaging.metadata import without_location
from toolkit.imaging.pixels import eight_bits
from toolkit.inference import Backend
from toolkit.portrait import Portrait, Style, make_portrait
from toolkit.portrait.styles import NATURAL


@dataclass(frozen=True)
class PortraitSettings:
    """How portraits are made and written.

    Attributes
    ----------
    subject : str or int
        The label that stays sharp, by name or number.
    style : Style
    quality : int
        Of JPEG and WebP, 1 to 100.
    strip : bool
        Leave out of the metadata where the photo was made.
    """

    subject: str | int = "person"
    style: Style = NATURAL
    quality: int = 95
    strip: bool = False


class Predictor(Closing):
    r"""A model on a backend, in a style; a context manager.

    Its methods may be called from several threads at once.

    Parameters
    ----------
    backend : Backend
        Closed with the predictor.
    settings : PortraitSettings
    artifact_sha256 : str
        Of the file that the backend runs; empty where it is not known.

    Attributes
    ----------
    backend : Backend
    settings : PortraitSettings
    artifact_sha256 : str
    subject : int
        The label that stays sharp.

    Raises
    ------
    UsageError
        The network has no such label.

    Examples
    --------
    >>> from toolkit.imaging import demo_photo
    >>> with Predictor.open() as predictor:
    ...     photo = predictor.decode_image(encode_image(demo_photo(), ".jpg"))
    ...     jpeg = predictor.encode_image(predictor.predict(photo), photo, ".jpg")
    >>> jpeg[:2]
    b'\xff\xd8'
    """

    def __init__(
        self,
        backend: Backend,
        settings: PortraitSettings | None = None,
        *,
        artifact_sha256: str = "",
    ) -> None:
        self.backend = backend
        self.settings = settings or PortraitSettings()
        self.artifact_sha256 = artifact_sha256
        self.subject = backend.network.require_label(self.settings.subject)

    @classmethod
    def open(
        cls,
        model: Model | str | None = None,
        backend: str = "onnx",
        settings: PortraitSettings | None = None,
        *,
        threads: int | None = None,
        provider: str | None = None,
        store: Store | None = None,
    ) -> Self:
        """Open a model on a backend, and give OpenCV as many threads.

        Parameters
        ----------
        model : Model, str or None
            A model or a MODEL argument; by default the official network if it is in the store,
            else the bundled one.
        backend : str
        settings : PortraitSettings, optional
        threads : int, optional
            For one photo; by default the cores this process may use.
        provider : str, optional
            By default the backend's own choice.
        store : Store, optional
            By default the user's.

        Raises
        ------
        ToolkitError
            Whatever stands in the way, named.
        """
        settings = settings or PortraitSettings()
        found = model if isinstance(model, Model) else resolve_model(model, store=store)
        margin = settings.style.uses_margin
        artifact = ensure_artifact(found, backend, logits=margin, store=store)
        opened = find_backend(backend).open(
            artifact, threads=threads or available_cores(), provider=provider
        )
        try:
            made = cls(opened, settings, artifact_sha256=artifact_sha256(artifact))
        except ToolkitError:
            opened.close()
            raise
        limit_opencv(opened.threads)
        return made

    def decode_image(self, data: bytes, *, name: Path | str = "the image") -> Photo[Any]:
        """Decode a photo's file, with the bits a sample that the style takes.

        Raises
        ------
        PhotoError
            It is not a photo, broken or too large.
        """
        photo: Photo[Any] = decode_image(data, name=name, sixteen_bit=True)
        if self.settings.style.eight_bits:
            alpha = None if photo.alpha is None else eight_bits(photo.alpha)
            photo = Photo(eight_bits(photo.bgr), alpha, photo.metadata)
        return photo

    def predict(self, photo: Photo[Any], *, stages: bool = False) -> Portrait:
        """Make the portrait of a photo.

        Parameters
        ----------
        photo : Photo
        stages : bool
            Whether to keep every picture on the way.

        Raises
        ------
        BackendError
            The runtime failed.
        """
        return make_portrait(
            photo.bgr, self.backend, subject=self.subject, style=self.settings.style, stages=stages
        )

    def encode_image(
        self, portrait: Portrait, photo: Photo[Any], suffix: str, *, name: Path | str = "the image"
    ) -> bytes:
        """Encode a portrait with its photo's alpha and metadata.

        Parameters
        ----------
        portrait : Portrait
        photo : Photo
            What it was made of.
        suffix : str
            Of the format, as in ``.jpg``.
        name : Path or str
            What messages call it.

        Raises
        ------
        UsageError
            No format that can be written goes by the suffix.
        PhotoError
            The format can't hold the portrait.
        """
        metadata = photo.metadata
        if self.settings.strip:
            metadata = without_location(metadata)
        return encode_image(
            portrait.image,
            suffix,
            photo.alpha,
            metadata=metadata,
            quality=self.settings.quality,
            name=name,
        )

    def close(self) -> None:
        """Close the backend."""
        self.backend.close()
