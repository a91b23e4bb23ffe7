"""``toolkit fetch``: what it says, where it says it, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.support.packing import GRAPH, member, stub_contract, write_archive
from toolkit.hub import fetch
from toolkit.hub.catalog import load_catalog


@pytest.fixture(autouse=True)
def _no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "inspect_graph", stub_contract)
    monkeypatch.setattr(fetch, "_need_tensorflow", lambda: None)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "my_model.tar.gz", member(GRAPH, b"graph"))


def test_an_archive_is_brought_in_and_described(toolkit: Command, archive: Path) -> None:
    outcome = toolkit("fetch", "--from", archive)
    assert outcome.code == 0
    assert "my_model is in the store now" in outcome.stdout
    assert "crop 65x65, 2 labels" in outcome.stdout
    assert f"from     {archive}" in outcome.stdout
    assert "pinned by this first use" in outcome.stdout
    assert "checking my_model.tar.gz" in outcome.stderr
    again = toolkit("fetch", "my_model", "--quiet")
    assert "my_model was in the store already" in again.stdout
    assert again.stderr == ""
    assert "is in the store now" in toolkit("fetch", "--from", archive, "--force").stdout


def test_json_is_one_document(toolkit: Command, archive: Path, home: Path) -> None:
    outcome = toolkit("fetch", "mine", "--from", archive, "--json")
    document = json.loads(outcome.stdout)
    assert document["name"] == "mine"
    assert document["fresh"] is True
    assert document["path"] == str(home / "models" / "mine" / "frozen_inference_graph.pb")
    assert document["source"]["crop"] == [65, 65]
    record = Path(document["path"]).with_name("source.json")
    assert document["source"] == json.loads(record.read_bytes())


def test_the_bundled_model_has_not_to_be_fetched(toolkit: Command) -> None:
    name = load_catalog().bundled.name
    outcome = toolkit("fetch", name)
    assert outcome.code == 0
    assert f"{name} comes with the package: nothing has to be fetched" in outcome.stdout
    assert json.loads(toolkit("fetch", name, "--json").stdout)["source"] is None


def test_a_broken_archive_is_one_line_and_exit_3(toolkit: Command, tmp_path: Path) -> None:
    (tmp_path / "m.tar.gz").write_bytes(b"<html>")
    outcome = toolkit("fetch", "--from", tmp_path / "m.tar.gz")
    assert outcome.code == 3
    assert outcome.stdout == ""
    (line,) = (line for line in outcome.stderr.splitlines() if not line.startswith("checking"))
    assert line.startswith(f"toolkit: {tmp_path / 'm.tar.gz'}: is no gzip archive")


def test_other_bytes_than_pinned_are_exit_3(toolkit: Command, archive: Path) -> None:
    toolkit("fetch", "--from", archive)
    write_archive(archive, member(GRAPH, b"changed"))
    outcome = toolkit("fetch", "--from", archive)
    assert outcome.code == 3
    assert "toolkit models --remove my_model drops the pin" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fetch", "unheard_of"], 3, "neither in the catalog nor in the store"),
        (["fetch", "../m.tar.gz"], 2, "give a path or URL with --from"),
        (["fetch", "a b"], 2, "can't name a model"),
        (["fetch", "--from", "ftp://host/m.tar.gz"], 2, "give a path, or an http(s) URL"),
        (["fetch", "--from", "/nowhere/m.tar.gz"], 3, "No such file"),
        (["fetch"], 3, "TOOLKIT_OFFLINE is set"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(
    toolkit: Command, arguments: list[str], code: int, message: str
) -> None:
    outcome = toolkit(*arguments)
    assert outcome.code == code
    assert message in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_the_mirror_is_asked_without_a_name_for_the_official_network(
    toolkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_MIRROR", str(tmp_path))
    write_archive(tmp_path / load_catalog().default.archive, member())
    outcome = toolkit("fetch")
    assert outcome.code == 3
    assert f"expected {load_catalog().default.sha256}" in outcome.stderr
