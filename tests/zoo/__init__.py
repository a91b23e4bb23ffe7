"""DeepLab exports with small random weights, in the layouts that the export script has had."""

from tests.zoo.export import Export
from tests.zoo.exporter import build, serialize
from tests.zoo.family import FAMILY

__all__ = ["FAMILY", "Export", "build", "serialize"]
