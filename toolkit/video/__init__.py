"""Videos: frame by frame through the portrait chain, with their sound and their times."""

from __future__ import annotations

from toolkit.video.pipeline import VideoReport, make_video, partial_name
from toolkit.video.reading import READ_SUFFIXES, VideoReader
from toolkit.video.temporal_smoothing import TemporalSmoother
from toolkit.video.writing import WRITTEN_AS, VideoWriter, check_writable

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
