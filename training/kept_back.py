"""Lay the photos kept back from training into data sets of their own, for `toolkit evaluate`.

python -m training.kept_back --data ../shared/dataset --output kept-back
toolkit evaluate kept-back/nprportrait
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from training.photos import split


def main() -> None:
    """Read the command line and copy."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    copy_kept_back(options.data, options.output)


def copy_kept_back(data: Path, output: Path) -> int:
    """Copy photos and masks of the kept-back list; return how many photos there are."""
    _, kept_back, _ = split([data])
    for source in kept_back:
        for path in (source.path, source.mask):
            if path is not None:
                target = output / path.relative_to(data)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    return len(kept_back)


if __name__ == "__main__":
    main()
