"""A variant's text: what is written is what is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.bench.variants import GRAMMAR, Variant, parse_variant
from toolkit.errors import UsageError

PATHS = st.text(
    st.one_of(st.characters(categories=("L", "N", "P", "S")), st.sampled_from("@@@=:/\\ ")),
    min_size=1,
) | st.sampled_from(["@threads=1", "@", "@@", "a@threads=1.onnx", "C:\\a b.onnx", "=", ":"])


@given(
    st.from_regex(r"[a-z][a-z0-9_-]*", fullmatch=True),
    st.none() | PATHS,
    st.none() | st.integers(1, 9999),
    st.none() | PATHS,
    st.none() | PATHS,
)
def test_every_variant_comes_back_from_its_text(
    backend: str, model: str | None, threads: int | None, provider: str | None, python: str | None
) -> None:
    variant = Variant(backend, model, threads, provider, python)
    assert parse_variant(str(variant)) == variant


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("onnx", Variant("onnx")),
        ("onnx:a.onnx@threads=1", Variant("onnx", "a.onnx", 1)),
        ("onnx@python=.venv/bin/python", Variant("onnx", python=".venv/bin/python")),
        (r"onnx:C:\nets\a.onnx@threads=2", Variant("onnx", r"C:\nets\a.onnx", 2)),
        ("onnx:me@home/a.onnx", Variant("onnx", "me@home/a.onnx")),
        ("onnx:a@@threads=1.onnx", Variant("onnx", "a@threads=1.onnx")),
        ("tf@provider=CPU@threads=4", Variant("tf", None, 4, "CPU")),
    ],
)
def test_paths_may_hold_what_the_grammar_uses(text: str, variant: Variant) -> None:
    assert parse_variant(text) == variant


@pytest.mark.parametrize(
    "text",
    [
        *("", ":a.onnx", "Onnx", "on nx", r"C:\a.onnx", "a/b.onnx", "@threads=1", "onnx:"),
        *("onnx@threads=", "onnx@threads=0", "onnx@threads=two", "onnx@threads=1@threads=2"),
        *("onnx@python=", "onnx@thread=1", "onnx@", "onnx@threads", "onnx:a\nb", "onnx@threads=-1"),
    ],
)
def test_nonsense_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(UsageError, match="is no variant") as caught:
        parse_variant(text)
    assert caught.value.remedy == GRAMMAR
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
