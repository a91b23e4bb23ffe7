"""``toolkit models``: every model is listed, broken ones too, and removal says what it freed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.support.packing import GRAPH, member, stub_contract, write_archive
from toolkit.hub import fetch
from toolkit.hub.catalog import load_catalog
from toolkit.hub.fetch import fetch_model
from toolkit.hub.publish import publish_export
from toolkit.hub.store import Store

CATALOG = load_catalog()


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(fetch, "inspect_graph", stub_contract)
    monkeypatch.setattr(fetch, "_need_tensorflow", lambda: None)
    path = write_archive(tmp_path / "my_model.tar.gz", member(GRAPH, bytes(200_000)))
    return fetch_model(origin=path).name


def test_every_known_model_has_a_line(toolkit: Command, fetched: str) -> None:
    outcome = toolkit("models")
    assert outcome.code == 0
    heading, *lines = outcome.stdout.splitlines()
    assert heading.split() == "name here size crop labels license pin sha256 source".split()
    names = [line.split()[0] for line in lines]
    assert names == [CATALOG.bundled.name, *CATALOG.models, fetched]
    here = {line.split()[0]: line[heading.index("here") :].split("  ")[0] for line in lines}
    assert here[fetched] == "0.2 MB"
    assert here[CATALOG.default.name] == "no"
    assert all(line[heading.index("pin") - 1] == " " for line in lines)


def test_crops_are_width_by_height(toolkit: Command) -> None:
    line = next(row for row in toolkit("models").stdout.splitlines() if "cityscapes" in row)
    assert " 2049x1025 " in line


def test_json_holds_everything(toolkit: Command, fetched: str, home: Path) -> None:
    document = json.loads(toolkit("models", "--json").stdout)
    assert document["store"]["models"] == str(home / "models")
    models = {model["name"]: model for model in document["models"]}
    official = models[CATALOG.default.name]
    assert official["size"] == 23882985
    assert official["sha256"] == CATALOG.default.sha256
    assert official["pin"] == "catalog"
    assert official["urls"] == list(CATALOG.default.urls)
    assert official["default"] is True
    assert official["here"] is False
    assert official["labels"][15] == "person"
    mine = models[fetched]
    source = Store.default().source(fetched)
    assert source
    assert (mine["origin"], mine["sha256"], mine["pin"]) == (
        source.origin,
        source.archive_sha256,
        "first use",
    )
    assert mine["size_on_disk"] == Store.default().size_on_disk(fetched) > 200_000
    assert models[CATALOG.bundled.name]["bundled"] is True


def test_on_a_terminal_it_is_a_table_that_fits(
    toolkit: Command, fetched: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolkit.cli import models

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(models, "is_terminal", lambda: True)
    lines = toolkit("models").stdout.splitlines()
    assert lines[0].split() == "name here size crop labels license pin".split()
    assert max(map(len, lines)) <= 80


def test_a_broken_record_does_not_hide_the_others(toolkit: Command, fetched: str) -> None:
    Store.default().source_path(fetched).write_bytes(b"{")
    outcome = toolkit("models")
    assert outcome.code == 0
    assert len(outcome.stdout.splitlines()) == len(CATALOG.models) + 3
    assert next(row for row in outcome.stdout.splitlines() if fetched in row).split()[1] == "broken"
    assert "source.json: can't be read" in outcome.stderr
    assert f"toolkit models --remove {fetched}" in outcome.stderr
    document = json.loads(toolkit("models", "--json").stdout)
    assert "can't be read" in document["models"][-1]["problem"]
    assert toolkit("models", "--remove", fetched).code == 0
    assert fetched not in toolkit("models").stdout


def test_a_missing_graph_is_said(toolkit: Command, fetched: str) -> None:
    Store.default().graph_path(fetched).unlink()
    outcome = toolkit("models")
    assert f"is missing; toolkit fetch {fetched} --force" in outcome.stderr


def test_removing_says_how_much_it_freed(toolkit: Command, fetched: str) -> None:
    store = Store.default()
    publish_export(store.export_path(fetched, "plain", 18), bytes(1000), b"{}")
    size_on_disk = store.size_on_disk(fetched)
    outcome = toolkit("models", "--remove", fetched, "--json")
    document = json.loads(outcome.stdout)
    assert (document["removed"], document["freed"]) == (fetched, size_on_disk)
    assert store.names() == []
    assert list(store.exported.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("unheard_of", 3, "unheard_of is not in the store"),
        (CATALOG.default.name, 3, "is not in the store"),
        (CATALOG.bundled.name, 2, "comes with the package; it can't be removed"),
        ("../models", 2, "can't name a model"),
    ],
)
def test_what_can_not_be_removed_is_said(
    toolkit: Command, name: str, code: int, message: str
) -> None:
    outcome = toolkit("models", "--remove", name)
    assert outcome.code == code
    assert message in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
