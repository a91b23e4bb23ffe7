"""Lay the photos kept back from training into datasets of their own, for `toolkit evaluate`.

python -m models.training.kept_back --data ../shared/dataset --output kept-back
toolkit evaluate kept-back/nprportrait
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from models.training.data import KEPT_BACK


def main() -> None:
    """Read the command line and copy."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    copy_kept_back(asked.data, asked.output)


def copy_kept_back(data: Path, output: Path) -> int:
    """Copy photos and masks of the kept-back list; returns how many there are."""
    stems = set(KEPT_BACK.read_text().split())
    photos = [path for path in sorted(data.glob("*/images/*")) if path.stem in stems]
    for photo in photos:
        mask = photo.parent.parent / "masks" / f"{photo.stem}.png"
        for path in (photo, mask):
            target = output / path.relative_to(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return len(photos)


if __name__ == "__main__":
    main()
