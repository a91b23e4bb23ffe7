"""``toolkit info``: what to attach to a bug report."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.cli.console import Console
from toolkit.cli.exits import guarded, missing_library
from toolkit.cli.options import Json, Quiet, Verbose
from toolkit.errors import MissingDependencyError

if TYPE_CHECKING:
    from toolkit.host import HostFacts

NEEDED = {"numpy": "numpy", "cv2": "opencv-python", "PIL": "pillow", "onnxruntime": "onnxruntime"}
"""Modules that every photo needs, and the packages they come from."""


@dataclass(frozen=True)
class BackendFacts:
    """A runtime as it is here.

    Attributes
    ----------
    name : str
    installed : bool
    extra : str or None
        The extra that installs it.
    threads : int
        It will use for one photo.
    """

    name: str
    installed: bool
    extra: str | None
    threads: int


@dataclass(frozen=True)
class Problem:
    """Something needed that can't be loaded.

    Attributes
    ----------
    package : str
    problem, remedy : str
        One line each.
    """

    package: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Info:
    """The report.

    Attributes
    ----------
    host : HostFacts
    backends : tuple of BackendFacts
    providers : tuple of str
        ONNX Runtime's execution providers here; empty where it can't be loaded.
    models, exported : Path
        The store's folders.
    fetched : tuple of str
        Models in the store.
    bundled : str
        The model that travels with the package.
    problems : tuple of Problem
    """

    host: HostFacts
    backends: tuple[BackendFacts, ...]
    providers: tuple[str, ...]
    models: Path
    exported: Path
    fetched: tuple[str, ...]
    bundled: str
    problems: tuple[Problem, ...]


@guarded
def info_command(as_json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Show versions, processor, the cores this process may use, threads, and where the store is.

    Attach it to a bug report. What is needed but can't be loaded is named, with what installs it;
    the exit code is 3 then. TensorFlow is looked up, not loaded.

    Example: `toolkit info --json > info.json`
    """
    console = Console(as_json=as_json, quiet=quiet, verbose=verbose)
    info = collect_info()
    console.document("info", info)
    _print(info, console)
    if info.problems:
        first = info.problems[0]
        raise MissingDependencyError(f"{first.package}: {first.problem}", first.remedy)


def collect_info() -> Info:
    """Collect the report, whatever can't be loaded."""
    from toolkit.host import host_facts

    loaded: dict[str, Any] = {}
    problems = []
    for module, package in NEEDED.items():
        try:
            loaded[module] = importlib.import_module(module)
        except ImportError as error:
            problems.append(_problem(package, error))
    ort = loaded.get("onnxruntime")
    return Info(
        host=(host := host_facts()),
        backends=_backends(host.available_cores) if "numpy" in loaded else (),
        providers=tuple(ort.get_available_providers()) if ort else (),
        problems=tuple(problems),
        **_store(),
    )


def _problem(package: str, error: ImportError) -> Problem:
    missing = missing_library(error)
    if missing:
        return Problem(package, missing.problem, missing.remedy)
    reason = " ".join(str(error).split())
    return Problem(package, f"can't be loaded ({reason})", f"pip install {package}")


def _backends(threads: int) -> tuple[BackendFacts, ...]:
    from toolkit.backends import BACKENDS

    return tuple(
        BackendFacts(spec.name, spec.installed, spec.extra, threads) for spec in BACKENDS.values()
    )


def _store() -> dict[str, Any]:
    from toolkit.hub.catalog import load_catalog
    from toolkit.hub.store import Store

    store = Store.default()
    return {
        "models": store.models,
        "exported": store.exported,
        "fetched": tuple(store.names()),
        "bundled": load_catalog().bundled.name,
    }


def _print(info: Info, console: Console) -> None:
    host = info.host
    quota = "no CPU quota" if host.cpu_quota is None else f"CPU quota {host.cpu_quota:g} cores"
    memory = "unknown" if host.memory_bytes is None else f"{host.memory_bytes / 2**30:.1f} GiB"
    lines = [
        ("system", f"{host.system}, kernel {host.kernel}, {host.machine}"),
        ("processor", f"{host.cpu}: {' '.join(host.cpu_flags) or 'no known instruction sets'}"),
        (
            "cores",
            f"{host.available_cores} for thread pools ({host.logical_cores} in the host, "
            f"{host.affinity} by affinity, {quota})",
        ),
        ("memory", memory),
        ("python", host.python),
        *((package, version or "not installed") for package, version in host.versions.items()),
        *((f"backend {backend.name}", _backend_text(backend)) for backend in info.backends),
        ("providers", ", ".join(info.providers) or "unknown: ONNX Runtime can't be loaded"),
        ("models", f"{info.models}: {', '.join(info.fetched) or 'none fetched'}"),
        ("exported", str(info.exported)),
        ("bundled", info.bundled),
        *(
            ("PROBLEM", f"{problem.package}: {problem.problem}; {problem.remedy}")
            for problem in info.problems
        ),
    ]
    width = max(len(name) for name, _ in lines)
    for name, words in lines:
        console.result(f"{name:{width}}  {words}")


def _backend_text(backend: BackendFacts) -> str:
    if not backend.installed:
        return "not installed" + (f": the {backend.extra} extra" if backend.extra else "")
    return f"{backend.threads} threads"
