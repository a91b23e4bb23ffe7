"""Fixtures of the tests: small graphs, real photos, the command line.

The empty store and the clean environment come from ``conftest.py`` at the root. Small networks come
from ``tests/support/made_up.py``; nothing here touches the network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support import made_up, real
from tests.support.real import RealNetwork, RealPhotos
from toolkit.graphs import FrozenGraph
from toolkit.hub.fetch import fetch_model
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import ensure_artifact
from training import deeplab_graph

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test-official` run the acceptance tests on what it fetched."""
    parser.addoption(
        "--official",
        type=Path,
        metavar="FOLDER",
        help="take the real network and photos from a folder of make test-official",
    )


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Undo what a command did to the log, so that the next test's `caplog` hears it."""
    yield
    log = logging.getLogger("toolkit")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)
    for logger in ("toolkit.hub.download", "toolkit.hub.fetch", "toolkit.bench"):
        logging.getLogger(logger).setLevel(logging.NOTSET)
    log.propagate = True


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and networks beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here: real photos and the real network are tested with it")
    return folder


@pytest.fixture(scope="session")
def real_photos(request: pytest.FixtureRequest) -> RealPhotos:
    """Photos of people and of none."""
    official = request.config.getoption("official")
    if official:
        photos = real.official_photos(official)
    else:
        photos = real.shared_photos(request.getfixturevalue("shared"))
    assert photos.paths
    return photos


@pytest.fixture(scope="session")
def real_network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> RealNetwork:
    """A network that was trained on photos, in a store of its own with its export."""
    official = request.config.getoption("official")
    if official:
        network = real.official_network(official)
    else:
        shared = request.getfixturevalue("shared")
        network = RealNetwork(real.NAME, tmp_path_factory.mktemp("real"), real.GRAPH_SHA256)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_HOME", str(network.home))
        if not official:
            fetched = fetch_model(origin=shared / "mirror" / f"{network.name}.tar.gz")
            assert fetched.name == network.name
        ensure_artifact(resolve_model(network.name))
    return network


@pytest.fixture
def in_real_store(real_network: RealNetwork, monkeypatch: pytest.MonkeyPatch) -> RealNetwork:
    """The real network, in the store that commands use."""
    monkeypatch.setenv("TOOLKIT_HOME", str(real_network.home))
    return real_network


@pytest.fixture(scope="session")
def tiny_graph(tmp_path_factory: pytest.TempPathFactory) -> FrozenGraph:
    """A DeepLab-shaped graph of crop 65 and width 8 with random weights, 21 labels; on disk."""
    return write_graph(tmp_path_factory.mktemp("tiny") / "tiny.pb", crop=65, width=8, seed=7)


def write_graph(path: Path, **options: int) -> FrozenGraph:
    """Write a graph of `made_up.build_graph`'s options to `path`."""
    pytest.importorskip("tensorflow", reason="building a graph needs the convert extra")
    data = deeplab_graph.serialize(made_up.build_graph(**options))  # type: ignore[arg-type]
    path.write_bytes(data)
    return FrozenGraph(name=path.stem, source=path, data=data)


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    stdout: str
    stderr: str


Command = Callable[..., Outcome]


@pytest.fixture
def toolkit() -> Command:
    """Run the command line in this process; a bug's exception passes through."""
    from toolkit.cli import app

    def run(*arguments: str | Path) -> Outcome:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run
