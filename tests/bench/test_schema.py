"""The report's dataclasses."""

from __future__ import annotations

import dataclasses
import re

from tests.conftest import ROOT
from toolkit.bench.schema import (
    MEASURED_STAGES,
    BenchReport,
    BenchSettings,
    Failure,
    ModelFacts,
    PhotoFacts,
    PhotoTimes,
    Round,
    Skipped,
    Throughput,
    VariantTimes,
)
from toolkit.bench.stability import StabilityWarning
from toolkit.bench.statistics import Ratio, StageTime
from toolkit.bench.variants import Variant
from toolkit.host import HostFacts


def test_every_field_is_documented() -> None:
    text = (ROOT / "docs" / "bench-schema.md").read_text(encoding="utf-8")
    documented = {
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    kinds = (
        *(
            BenchReport,
            HostFacts,
            ModelFacts,
            PhotoFacts,
            BenchSettings,
            VariantTimes,
            Variant,
            Round,
        ),
        *(PhotoTimes, Throughput, Skipped, Failure, StageTime, Ratio, StabilityWarning),
    )
    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    assert documented == fields | {"schema", "version", "summary"}
    assert all(f"`{stage}`" in text for stage in MEASURED_STAGES)
