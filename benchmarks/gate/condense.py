"""Condense what `record_noise` wrote: each process's medians, small enough to be committed.

python -m benchmarks.gate.condense rounds.jsonl benchmarks/gate/noise-turns.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.gate.recording import condense, write_recording


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("lines", type=Path)
    parser.add_argument("recording", type=Path)
    options = parser.parse_args()
    with options.lines.open() as stream:
        recording = condense(stream)
    write_recording(options.recording, recording)
    sys.stderr.write(f"{len(recording.times)} rounds, {recording.minutes:.1f} minutes\n")


if __name__ == "__main__":
    main()
