"""How near portraits are to the ideal ones, the tutorial's and the natural style's.

    python -m benchmarks.quality --data ../shared/dataset --model my_network

Takes some minutes. The tables go to stdout; ``--output`` writes every number as JSON, ``--page``
puts the tables between the marks of a page in Markdown. Ends with 1 where a requirement is not met.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from benchmarks.pages import put_tables
from benchmarks.quality import edges, halo
from benchmarks.quality.chains import Compared, compare
from benchmarks.quality.report import Quality, failures, markdown, read, write
from benchmarks.quality.scenes import COUNT, SEED, SIZE, draw_scenes
from toolkit.host import available_cores, host_facts
from toolkit.hub.model import resolve_model
from toolkit.hub.opening import open_backend
from toolkit.portrait.pipeline import Segmenter


def measure(
    folder: Path,
    model: str,
    backend: Segmenter,
    *,
    count: int = COUNT,
    size: tuple[int, int] = SIZE,
    seed: int = SEED,
) -> Quality:
    """Measure everything.

    Parameters
    ----------
    folder : Path
        Of the datasets; see `draw_scenes`.
    model : str
        The network's name, for the record.
    backend : Segmenter
    count, size, seed
        Of the scenes.
    """
    compared: list[Compared] = []
    behind: list[halo.Behind] = []
    for number, scene in enumerate(draw_scenes(folder, count, size, seed), 1):
        sys.stderr.write(f"\rscene {number} of {count}")
        sys.stderr.flush()
        compared += compare(scene, backend)
        behind.append(halo.look_behind(scene))
    sys.stderr.write("\rportraits\n")
    return Quality(
        host=dataclasses.asdict(host_facts()),
        model=model,
        seed=seed,
        size=size,
        compared=tuple(compared),
        halo=halo.report_halo(behind),
        edges=tuple(edges.judge(folder, backend)),
    )


def main() -> int:
    """Measure, and write what was found; return the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", help="by default as everywhere")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    parser.add_argument("--page", type=Path, metavar="FILE.md")
    parser.add_argument("--scenes", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    model = resolve_model(asked.model)
    with open_backend(model, "onnx", threads=available_cores(), logits=True) as backend:
        quality = measure(asked.data, model.name, backend, count=asked.scenes, seed=asked.seed)
    if asked.output:
        write(quality, asked.output)
        quality = read(asked.output)  # rounded: the page is to say what the record says
    if asked.page:
        asked.page.write_text(put_tables(asked.page.read_text(), {"quality": markdown(quality)}))
    sys.stdout.write(markdown(quality))
    missed = failures(quality)
    sys.stdout.writelines(f"not met: {one}\n" for one in missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
