"""Signatures: the serving one is taken, and where there is a choice it is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.graphs.saved_models import freeze, make_net, photo, run, write_tf2
from toolkit.errors import GraphError

pytestmark = pytest.mark.tensorflow


def test_several_signatures_are_named(tmp_path: Path) -> None:
    net = make_net()
    call = net.__call__.get_concrete_function()
    write_tf2(tmp_path / "net", module=net, signatures={"one": call, "two": call})
    with pytest.raises(
        GraphError, match=r"signatures 'one' \(image = one_image:0 to .*'two'"
    ) as at:
        freeze(tmp_path / "net")
    assert "--input TENSOR --output TENSOR" in str(at.value)
    chosen = freeze(
        tmp_path / "net", input_name="two_image:0", output_name="StatefulPartitionedCall_1:0"
    )
    assert chosen.input == "two_image:0"
    with pytest.raises(GraphError, match="--output 'scores' means"):
        freeze(tmp_path / "net", input_name="two_image:0", output_name="scores")


def test_several_outputs_are_named_and_one_is_chosen_by_its_key(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    net = make_net()

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.float32, name="x")])  # type: ignore[untyped-decorator]
    def both(x: Any) -> Any:
        scores = net.scores(x)
        return {"map": tf.argmax(scores, 3), "scores": scores}

    write_tf2(tmp_path / "net", module=net, signatures=both)
    with pytest.raises(GraphError, match=r"has 2 outputs: map = .*, scores = .*--output"):
        freeze(tmp_path / "net")
    frozen = freeze(tmp_path / "net", output_name="map")
    assert run(frozen.data, frozen.output, frozen.input, photo(9, 8)).shape == (1, 9, 8)
    with pytest.raises(GraphError, match=r"has no tensor 'nothing:0'; its signatures have x = "):
        freeze(tmp_path / "net", output_name="nothing:0")
