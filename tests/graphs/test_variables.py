"""Variables become constants of their values; what has none, or another's, is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.graphs.saved_models import edit, freeze, write_tf1
from toolkit.errors import GraphError

pytestmark = pytest.mark.tensorflow


def test_partitioned_variables_are_refused(tmp_path: Path) -> None:
    write_tf1(tmp_path / "net", partitions=2)
    with pytest.raises(GraphError, match="is partitioned; save it unpartitioned"):
        freeze(tmp_path / "net")


def test_variables_without_values_are_named(tmp_path: Path) -> None:
    write_tf1(tmp_path / "net")
    for path in (tmp_path / "net" / "variables").iterdir():
        path.unlink()
    with pytest.raises(GraphError, match="checkpoint has no variable 'net/weights'"):
        freeze(tmp_path / "net")
    edit(tmp_path / "net", lambda meta: meta.ClearField("saver_def"))
    with pytest.raises(GraphError, match="nothing restores its variable 'net/weights'"):
        freeze(tmp_path / "net")


def test_a_variable_of_another_shape_than_its_value_is_refused(tmp_path: Path) -> None:
    write_tf1(tmp_path / "net")

    def change(meta: Any) -> None:
        (node,) = (node for node in meta.graph_def.node if node.name == "net/weights")
        node.attr["shape"].shape.dim[0].size = 4

    edit(tmp_path / "net", change)
    with pytest.raises(GraphError, match="another type or shape in the checkpoint"):
        freeze(tmp_path / "net")
