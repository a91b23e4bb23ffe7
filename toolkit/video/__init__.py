"""Videos: frame by frame through the portrait chain, with their sound and their times."""

from __future__ import annotations

from toolkit.video.formats import READ_SUFFIXES, WRITTEN_AS, check_writable
from toolkit.video.pipeline import VideoReport, make_video, partial_name
from toolkit.video.reading import VideoReader
from toolkit.video.temporal_smoothing import TemporalSmoother
from toolkit.video.writing import VideoWriter

__all__ = [
    "READ_SUFFIXES",
    "WRITTEN_AS",
    "TemporalSmoother",
    "VideoReader",
    "VideoReport",
    "VideoWriter",
    "check_writable",
    "make_video",
    "partial_name",
]
