"""DeepLab exports with small random weights, in the layouts that the export script has had.

    from tests.zoo import FAMILY, build, member, serialize

    graph = build(FAMILY["xception_65_os8"])  # a GraphDef
    data = member("xception_65_os8")          # its bytes, built once in a process

A further export is ``build(Export(backbone=..., crop=..., ...))`` or a ``dataclasses.replace`` of a
member; `Export` explains every option. Needs the ``convert`` extra.
"""

from tests.zoo.export import Export
from tests.zoo.exporter import build, serialize
from tests.zoo.family import FAMILY, member

__all__ = ["FAMILY", "Export", "build", "member", "serialize"]
