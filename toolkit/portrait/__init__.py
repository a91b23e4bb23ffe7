"""Arrays in, arrays out: from a photo to a portrait with a blurred background."""

from __future__ import annotations

from toolkit.portrait.alpha import EDGES, Edge, refine
from toolkit.portrait.blur import KERNEL, blur, hide_subject
from toolkit.portrait.composite import blur_background
from toolkit.portrait.lens import KERNELS, Blur, Kernel
from toolkit.portrait.mask import label_shares, photo_mask, subject_mask
from toolkit.portrait.natural import natural_portrait
from toolkit.portrait.pipeline import PERSON, Portrait, Stages, make_portrait
from toolkit.portrait.preprocess import network_size, preprocess
from toolkit.portrait.styles import Natural, Style, Tutorial
from toolkit.portrait.timing import STAGES, Stage, StageTimer, Stopwatch, untimed

__all__ = [
    "EDGES",
    "KERNEL",
    "KERNELS",
    "PERSON",
    "STAGES",
    "Blur",
    "Edge",
    "Kernel",
    "Natural",
    "Portrait",
    "Stage",
    "StageTimer",
    "Stages",
    "Stopwatch",
    "Style",
    "Tutorial",
    "blur",
    "blur_background",
    "hide_subject",
    "label_shares",
    "make_portrait",
    "natural_portrait",
    "network_size",
    "photo_mask",
    "preprocess",
    "refine",
    "subject_mask",
    "untimed",
]
