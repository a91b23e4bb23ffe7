"""The registry's lines by name, and those that other packages add.

A package adds a backend by an entry point of the group ``toolkit.backends``, in its
pyproject.toml::

    [project.entry-points."toolkit.backends"]
    myruntime = "my_package.toolkit_backend:SPEC"

where ``SPEC`` is a `BackendSpec` of that name. It is loaded when a backend of that name, or every
backend, is requested.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, MutableMapping
from importlib import metadata

from toolkit.backends.base import BackendSpec

log = logging.getLogger(__name__)

GROUP = "toolkit.backends"


class Registry(MutableMapping[str, BackendSpec]):
    """Backends by name: this package's, then those of others in the order of their names.

    What is wrong with another package's is logged, and it is left out.

    Parameters
    ----------
    specs : iterable of BackendSpec
        This package's.
    """

    def __init__(self, specs: Iterable[BackendSpec]) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._entries: dict[str, metadata.EntryPoint] | None = None

    def __getitem__(self, name: str) -> BackendSpec:
        if name not in self._specs and (entry := self._waiting().pop(name, None)):
            self._load(entry)
        return self._specs[name]

    def __setitem__(self, name: str, spec: BackendSpec) -> None:
        self._specs[name] = spec

    def __delitem__(self, name: str) -> None:
        del self._specs[name]

    def __iter__(self) -> Iterator[str]:
        waiting = self._waiting()
        while waiting:
            self._load(waiting.pop(min(waiting)))
        return iter(self._specs)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _waiting(self) -> dict[str, metadata.EntryPoint]:
        """Return the entry points that are not loaded, looked for once."""
        if self._entries is None:
            self._entries = {}
            for entry in metadata.entry_points(group=GROUP):
                if entry.name in self._specs or entry.name in self._entries:
                    _pass_over(entry, f"there is a backend {entry.name} already")
                else:
                    self._entries[entry.name] = entry
        return self._entries

    def _load(self, entry: metadata.EntryPoint) -> None:
        try:
            spec = entry.load()
        except Exception as error:  # noqa: BLE001 - another package's code fails in any way it likes
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            _pass_over(entry, f"it does not load ({reason})")
            return
        if not isinstance(spec, BackendSpec):
            _pass_over(entry, f"{entry.value} is a {type(spec).__name__}, not a BackendSpec")
        elif spec.name != entry.name:
            _pass_over(entry, f"its BackendSpec is called {spec.name}")
        else:
            self._specs[spec.name] = spec


def _pass_over(entry: metadata.EntryPoint, reason: str) -> None:
    package = entry.dist.name if entry.dist else "an unknown package"
    log.warning("passing over the backend plug-in %s of %s: %s", entry.name, package, reason)
