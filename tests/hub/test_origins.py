"""Origins: which are asked, in what order, and what a model from there is called."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from toolkit.errors import ModelNotFoundError, UsageError
from toolkit.hub.catalog import load_catalog
from toolkit.hub.origins import list_origins, local_path, model_name

SPEC = dataclasses.replace(
    load_catalog().default, name="net", urls=("https://one/net.tar.gz", "https://two/n.tar.gz")
)


def test_the_mirror_comes_before_the_catalogs_urls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOOLKIT_OFFLINE")
    assert list_origins("net", SPEC) == [*SPEC.urls]
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    assert list_origins("net", SPEC) == [tmp_path / SPEC.archive, *SPEC.urls]
    monkeypatch.setenv("TOOLKIT_MIRROR", "https://mirror/models/")
    assert list_origins("a net", None) == ["https://mirror/models/a%20net.tar.gz"]


def test_offline_one_url_is_enough_to_fail() -> None:
    assert list_origins("net", SPEC) == [SPEC.urls[0]]


def test_a_model_without_an_origin_is_not_found() -> None:
    with pytest.raises(ModelNotFoundError, match="neither in the catalog nor in the store"):
        list_origins("net", None)


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        ("net.tar.gz", Path("net.tar.gz")),
        ("~/net.tar.gz", Path("~/net.tar.gz").expanduser()),
        ("file:///a%20b/net.pb", Path("/a b/net.pb")),
        ("http://host/net.tar.gz", None),
    ],
)
def test_a_path_is_told_from_a_url(origin: str, path: Path | None) -> None:
    assert local_path(origin) == path


@pytest.mark.parametrize("origin", ["ftp://host/net.tar.gz", "http://", "http://[::1/net.tar.gz"])
def test_what_is_neither_is_bad_usage(origin: str) -> None:
    with pytest.raises(UsageError):
        local_path(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "net.tar.gz",
        "net.tgz",
        "net.pb",
        "https://host/net.tar.gz?token=1",
        "net/frozen_inference_graph.pb",
        "net/saved_model.pb",
        "net/",
    ],
)
def test_a_model_is_called_after_its_file_or_its_folder(
    origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_name(origin) == "net"


def test_a_file_name_that_names_no_model_is_bad_usage() -> None:
    with pytest.raises(UsageError, match="names no model; give a name"):
        model_name("my net (2).tar.gz")
