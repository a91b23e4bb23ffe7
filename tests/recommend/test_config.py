"""Configurations in files: what is read is what was written, and nothing is passed over."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Command
from toolkit.errors import InputFileError
from toolkit.hub.model import resolve_model
from toolkit.imaging import demo_photo, read_photo, write_photo
from toolkit.recommend.config import Config, Measured, config_text, read_config, write_config

MEASURED = Measured(
    created="2026-01-02T03:04:05+00:00",
    toolkit="0.1.0",
    cpu="a cpu",
    available_cores=2,
    runtime="1.0",
    photo="photo.jpg",
    photo_sha256="b" * 64,
    dataset="street",
    dataset_sha256="d" * 64,
    whole_ms=12.5,
    mean_iou=0.9,
    reference_iou=0.91,
)
WHOLE = Config(
    model="mnv2_dm05_person",
    model_sha256="a" * 64,
    profile="plain",
    backend="onnx",
    threads=2,
    subject="person",
    measured=MEASURED,
)
# a surrogate can't be in a file of UTF-8
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
configs = st.builds(
    Config,
    model=st.none() | texts,
    threads=st.none() | st.integers(1, 9999),
    subject=st.none() | texts,
    measured=st.none()
    | st.builds(
        dataclasses.replace,
        st.just(MEASURED),
        cpu=texts,
        dataset=texts,
        whole_ms=st.floats(0, 1e9),
    ),
)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    write_config(tmp_path / "a.toml", WHOLE)
    assert read_config(tmp_path / "a.toml") == WHOLE


@given(configs)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, config: Config) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    write_config(path, config)
    assert read_config(path) == config


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("threads = 2", 'threads = "2"', "threads is not an integer"),
        ("threads = 2", "threads = 0", "threads is 0, not 1 or more"),
        ("threads = 2", "thread = 2", "unknown key thread; known are backend, measured, model"),
        ("cpu =", "gpu =", r"unknown key measured\.gpu"),
        ('backend = "onnx"', 'backend = "caffe"', "no backend 'caffe'"),
        ('profile = "plain"', 'profile = "plane"', "no profile 'plane'"),
        ("version = 1", "version = 2", "schema version 2; this toolkit reads 1"),
        ("toolkit-config", "toolkit-bench", "has no line schema"),
        ("a" * 64, "a" * 63, "model_sha256 is no SHA-256"),
        ("threads = 2", "threads", "is not TOML"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = config_text(WHOLE)
    assert old in text
    path = tmp_path / "a.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputFileError, match=said) as raised:
        read_config(path)
    assert str(raised.value).startswith(f"{path}: ")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    write_photo(path, demo_photo()[:240, :320])
    return path


def config(**changed: Any) -> Config:
    sha256 = resolve_model("mnv2_dm05_person").graph().sha256
    return dataclasses.replace(WHOLE, model_sha256=sha256, threads=1, **changed)


def test_a_portrait_is_made_as_the_file_says(toolkit: Command, tmp_path: Path, photo: Path) -> None:
    write_config(tmp_path / "a.toml", config())
    done = toolkit("portrait", photo, "--config", tmp_path / "a.toml", "-o", tmp_path / "a.png")
    assert done.code == 0, done.stderr
    assert "1 threads" in done.stderr
    toolkit(
        "portrait", photo, "-m", "mnv2_dm05_person+plain", "--threads", 1, "-o", tmp_path / "b.png"
    )
    assert (read_photo(tmp_path / "a.png").bgr == read_photo(tmp_path / "b.png").bgr).all()


def test_the_command_line_wins(toolkit: Command, tmp_path: Path, photo: Path) -> None:
    write_config(tmp_path / "a.toml", config(subject="cat", backend="opencv"))
    own = ("--threads", 2, "--subject", "person", "--backend", "onnx")
    done = toolkit("portrait", photo, "--config", tmp_path / "a.toml", *map(str, own))
    assert done.code == 0, done.stderr
    assert "backend onnx" in done.stderr
    assert "2 threads" in done.stderr
    assert "person sharp" in done.stderr
    alone = toolkit("portrait", photo, "--config", tmp_path / "a.toml", "--backend", "onnx")
    assert "no cat found" in alone.stderr


def test_another_model_of_that_name_is_refused_and_one_that_is_named_is_taken(
    toolkit: Command, tmp_path: Path, photo: Path
) -> None:
    path = tmp_path / "a.toml"
    write_config(path, WHOLE)
    done = toolkit("portrait", photo, "--config", path)
    assert done.code == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"toolkit: {path}: the model mnv2_dm05_person is another than it was made for"
    )
    named = toolkit("portrait", photo, "--config", path, "-m", "mnv2_dm05_person+plain")
    assert named.code == 0, named.stderr


def test_a_file_that_is_missing_or_damaged_is_one_line(
    toolkit: Command, tmp_path: Path, photo: Path
) -> None:
    path = tmp_path / "a.toml"
    for text in (None, "threads = ", b"\xff".decode("latin-1")):
        if text is not None:
            path.write_text(text, encoding="latin-1")
        done = toolkit("portrait", photo, "--config", path)
        assert done.code == 3
        assert len(done.stderr.splitlines()) == 1
