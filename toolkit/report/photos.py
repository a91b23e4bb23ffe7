"""Portraits to show in a page, small enough for it."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from toolkit.portrait import Portrait
from toolkit.report.canvas import fit, to_image
from toolkit.report.pictures import overlay, paint_labels
from toolkit.report.view import PhotoStrip, Picture

SIDES = (720, 560, 420, 320, 240, 160, 96)
"""Longest sides that are tried, in pixels."""
QUALITY = 82


def strip_of(
    name: str,
    photo: NDArray[np.uint8],
    made: Portrait,
    *,
    model: str,
    subject: str,
    byte_limit: int,
) -> PhotoStrip:
    """Encode a photo, its mask, label map and portrait.

    Parameters
    ----------
    name : str
        The photo's name.
    photo : (H, W, 3) uint8, BGR
    made : Portrait
        With its stages.
    model, subject : str
        What made it, and the label that stayed sharp.
    byte_limit : int
        Bytes that the pictures may take together; they shrink until they do.

    Returns
    -------
    PhotoStrip

    Raises
    ------
    ValueError
        The portrait has no stages.
    """
    if made.stages is None:
        raise ValueError("make the portrait with stages=True")
    mask = made.stages.alpha
    shown = {
        "Photo": (photo, False),
        "Mask": (overlay(photo, mask), False),
        "Label map": (paint_labels(made.label_map), True),
        "Portrait": (made.image, False),
    }
    pictures: tuple[Picture, ...] = ()
    for side in SIDES:
        pictures = tuple(
            _encode(title, picture, side, exact=exact) for title, (picture, exact) in shown.items()
        )
        if sum(len(picture.jpeg) for picture in pictures) <= byte_limit:
            break
    return PhotoStrip(
        name=name,
        model=model,
        subject=subject,
        share=float((mask > 0).mean()) if made.subject_found else None,
        pictures=pictures,
    )


def _encode(title: str, picture: NDArray[np.uint8], side: int, *, exact: bool) -> Picture:
    largest = max(picture.shape[:2])
    if largest > side:
        picture = fit(picture, side, side, exact=exact)
    target = io.BytesIO()
    to_image(picture).save(target, "JPEG", quality=QUALITY, optimize=True)
    height, width = picture.shape[:2]
    return Picture(title, target.getvalue(), width, height)
