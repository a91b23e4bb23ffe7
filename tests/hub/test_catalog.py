"""The catalog: what the network is known by, and that every entry can be used."""

from __future__ import annotations

import re

import pytest

from toolkit.graphs.network import Network, generic_labels
from toolkit.hub.catalog import load_catalog
from toolkit.hub.store import check_name

CATALOG = load_catalog()


def test_the_official_archive_is_pinned_and_has_two_origins() -> None:
    official = CATALOG.default
    assert official.name == "deeplabv3_mnv2_pascal_train_aug_2018_01_29"
    assert official.size == 23882985
    assert official.sha256 == "cd506941e4f88fd053903913761df2e76ea00c01079cecfd35855304a4a5fb48"
    assert len(official.urls) == 2


def test_there_is_one_default() -> None:
    assert [spec.default for spec in CATALOG.models.values()].count(True) == 1


@pytest.mark.parametrize("name", CATALOG.models)
def test_an_entry_can_be_fetched_and_stored(name: str) -> None:
    spec = CATALOG.models[name]
    assert check_name(name) == name != CATALOG.bundled.name
    assert spec.archive == f"{name}.tar.gz"
    assert all(re.fullmatch(rf"https?://.+/{name}\.tar\.gz", url) for url in spec.urls)
    assert (spec.sha256 is None) == (spec.size is None)
    assert spec.sha256 is None or re.fullmatch("[0-9a-f]{64}", spec.sha256)
    assert spec.license
    assert spec.about


@pytest.mark.parametrize("name", CATALOG.models)
def test_labels_are_distinct(name: str) -> None:
    labels = CATALOG.models[name].labels
    assert labels is None or len(set(labels)) == len(labels)


def test_a_label_is_found_by_name_in_any_case_or_by_number() -> None:
    network = CATALOG.bundled.network
    assert network.labels[15] == "person"
    for subject in ("person", " Person", "15"):
        assert network.label_id(subject) == 15
    for subject in ("persons", "21", "-1", ""):
        assert network.label_id(subject) is None
    assert Network((9, 9), ("a", "b")).label_id("2") is None


def test_unknown_labels_are_numbered_but_for_21_of_them() -> None:
    assert generic_labels(21) == CATALOG.bundled.network.labels
    assert generic_labels(2) == ("label 0", "label 1")
