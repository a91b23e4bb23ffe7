"""An image that Pillow has open, turned upright and copied out: BGR of 8 bits, and alpha."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from toolkit.errors import PhotoError
from toolkit.imaging.pixels import upper_byte

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

log = logging.getLogger(__name__)

BAND_PIXELS = 1 << 18
"""Of a photo that are copied at a time: a megabyte."""


def upright(
    path: Path | str, image: Image.Image
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Turn an image upright, in place, and copy its pixels out.

    Parameters
    ----------
    path : Path or str
        For messages.
    image : Image
        Loaded.

    Returns
    -------
    (H, W, 3) uint8, BGR, and (H, W) uint8 or None
        Pixels, and alpha where the image has any.

    Raises
    ------
    PhotoError
        It has pixels of more than 16 bits.
    """
    with contextlib.suppress(Exception):  # metadata that can't be read turns nothing
        ImageOps.exif_transpose(image, in_place=True)
    if image.has_transparency_data:
        return _pixels(image, with_alpha=True)
    return _pixels(_with_shallow_gray(path, image), with_alpha=False, to_srgb=_to_srgb(path, image))


def _to_srgb(path: Path | str, image: Image.Image) -> ImageCmsTransform | None:
    """Return what turns CMYK or L*a*b* into sRGB; None where Pillow's own conversion has to do."""
    if image.mode not in {"CMYK", "LAB"}:  # YCCK is CMYK by now
        return None
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    profile = image.info.get("icc_profile")
    if profile:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.buildTransform(own, srgb, image.mode, "RGB")
        except (ImageCms.PyCMSError, OSError) as error:
            log.warning("%s: its color profile can't be used (%s)", path, error)
    if image.mode == "LAB":
        return ImageCms.buildTransform(ImageCms.createProfile("LAB"), srgb, "LAB", "RGB")
    return None


def _pixels(
    image: Image.Image, *, with_alpha: bool, to_srgb: ImageCmsTransform | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Copy an image's pixels out, in bands of rows.

    Pillow keeps 4 bytes for a pixel of 3, and each conversion is a copy: of a whole photo they
    would be several times its size.
    """
    width, height = image.size
    bgr = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if with_alpha else None
    step = max(BAND_PIXELS // width, 1)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        band = image.crop((0, rows.start, width, rows.stop))
        if alpha is None:
            rgb = band if to_srgb is None else to_srgb.apply(band)
            if rgb.mode != "RGB":  # it would be copied once more
                rgb = rgb.convert("RGB")
            cv2.cvtColor(np.asarray(rgb), cv2.COLOR_RGB2BGR, dst=bgr[rows])
        else:
            rgba = np.asarray(band.convert("RGBA"))
            cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR, dst=bgr[rows])
            alpha[rows] = rgba[..., 3]
    return bgr, alpha


def _with_shallow_gray(path: Path | str, image: Image.Image) -> Image.Image:
    """Keep the upper byte of 16-bit gray; Pillow itself does so for 16-bit color."""
    if image.mode == "F":
        raise PhotoError(path, "has floating-point pixels", "save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image)
    if levels.min() < 0 or levels.max() > 0xFFFF:
        raise PhotoError(path, "has 32-bit pixels", "save it with 8 or 16 bits")
    return Image.fromarray(upper_byte(levels))
