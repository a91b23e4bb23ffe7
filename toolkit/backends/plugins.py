"""Backends that other packages add, by an entry point of the group ``toolkit.backends``.

In the other package's pyproject.toml::

    [project.entry-points."toolkit.backends"]
    myruntime = "my_package.toolkit_backend:SPEC"

where ``SPEC`` is a `BackendSpec`. Its module is imported whenever the registry is, so it imports
its runtime only inside ``SPEC.load``.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from importlib import metadata

from toolkit.backends.base import BackendSpec

log = logging.getLogger(__name__)

GROUP = "toolkit.backends"


def plugged_in(taken: Collection[str]) -> dict[str, BackendSpec]:
    """Find the backends of other packages; what is wrong with one is logged, and it is left out.

    Parameters
    ----------
    taken : collection of str
        Names that are not to be had.

    Returns
    -------
    dict of str to BackendSpec
        By name, in the entry points' alphabetical order.
    """
    found: dict[str, BackendSpec] = {}
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            spec = entry.load()
        except Exception as error:  # noqa: BLE001 - another package's code fails in any way it likes
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            _pass_over(entry, f"it does not load ({reason})")
            continue
        if not isinstance(spec, BackendSpec):
            _pass_over(entry, f"{entry.value} is a {type(spec).__name__}, not a BackendSpec")
        elif spec.name in taken or spec.name in found:
            _pass_over(entry, f"there is a backend {spec.name} already")
        else:
            found[spec.name] = spec
    return found


def _pass_over(entry: metadata.EntryPoint, reason: str) -> None:
    package = entry.dist.name if entry.dist else "an unknown package"
    log.warning("passing over the backend plug-in %s of %s: %s", entry.name, package, reason)
