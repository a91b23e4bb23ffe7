"""Serve, export and benchmark DeepLabV3 segmentation graphs."""

__version__ = "0.1.0"
