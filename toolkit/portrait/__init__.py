"""Arrays in, arrays out: from a photo to a portrait with a blurred background."""

from __future__ import annotations

from toolkit.portrait.blur import KERNEL, blur, hide_subject
from toolkit.portrait.clock import STAGES, Clock, Stage, Stopwatch, untimed
from toolkit.portrait.composite import blur_background
from toolkit.portrait.mask import label_shares, photo_mask, subject_mask
from toolkit.portrait.pipeline import (
    PERSON,
    Portrait,
    Stages,
    make_portrait,
)
from toolkit.portrait.preprocess import network_size, preprocess

__all__ = [
    "KERNEL",
    "PERSON",
    "STAGES",
    "Clock",
    "Portrait",
    "Stage",
    "Stages",
    "Stopwatch",
    "blur",
    "blur_background",
    "hide_subject",
    "label_shares",
    "make_portrait",
    "network_size",
    "photo_mask",
    "preprocess",
    "subject_mask",
    "untimed",
]
