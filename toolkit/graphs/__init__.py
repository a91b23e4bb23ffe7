"""Frozen TF1 graphs: read or make one, check operations and contract, bring it to normal form.

A GraphDef is a program, so nothing of it is loaded before every operation in it, in functions too,
was held against the policy of `operations`. TensorFlow is imported inside functions: looking at a
graph costs the import, serving an exported one must not.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
