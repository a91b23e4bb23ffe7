"""The worker with stubs in the registry, for a fresh process."""

from __future__ import annotations

from tests.bench.stubs import stub_registry
from toolkit.backends import BACKENDS
from toolkit.bench import worker

if __name__ == "__main__":
    BACKENDS.update(stub_registry())
    worker.main()
