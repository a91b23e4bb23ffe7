"""Tests of the training code; what needs PyTorch is skipped where it is not installed."""
