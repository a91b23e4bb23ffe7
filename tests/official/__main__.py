"""Fetch an archive from its origin and run every command of the job on it, each in a process.

The acceptance tests follow, on that network. The photos are those of scikit-image that are in the
public domain, and those of the folder beside the checkout where there is one.

``make test-official`` runs this on the official network; nothing else does, as it needs the network
connection. Exit code 0 where everything held, 1 where something did not, 3 where the origin could
not be reached. What is made stays in a folder of its own with the layout report, never in the
user's store.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from tests.support.real import public_photos
from toolkit.convert import PROFILES
from toolkit.errors import DownloadError, ToolkitError
from toolkit.hub.catalog import ARCHIVE_SUFFIX, load_catalog
from toolkit.hub.download import download
from toolkit.hub.store import Store
from toolkit.imaging import FORMATS

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared"
STEP_SECONDS = 3600
IOU_LOSS = 0.03
"""What a profile that may change labels may lose of the mean IoU on a dataset."""

FAILED, UNREACHABLE = 1, 3


@dataclass
class Log:
    """The steps of a run and what became of them.

    Attributes
    ----------
    environment : dict of str to str
        Of every process.
    results : list of (str, str, float)
        Step, result and seconds.
    """

    environment: dict[str, str]
    results: list[tuple[str, str, float]] = field(default_factory=list)

    def run(
        self, name: str, *arguments: str | Path, shown: bool = True, module: str = "toolkit"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own; returns it with its output."""
        words = [module, *map(str, arguments)]
        started = time.monotonic()
        command = [sys.executable, "-m", *words]
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                env=self.environment,
                timeout=STEP_SECONDS,
            )
        except subprocess.TimeoutExpired:
            said = f"no end after {STEP_SECONDS} seconds"
            done = subprocess.CompletedProcess(command, FAILED, "", said)
        if shown:
            self.show(name, words, done)
        result = "ok" if done.returncode == 0 else f"FAILED with exit code {done.returncode}"
        self.results.append((name, result, time.monotonic() - started))
        return done

    def show(self, name: str, words: list[str], done: subprocess.CompletedProcess[str]) -> None:
        """Print a process and what it said."""
        typer.echo(f"\n== {name}: {shlex.join(words)}")
        for text in (done.stderr, done.stdout):
            typer.echo(text.rstrip("\n"), nl=bool(text.strip()))

    def check(self, name: str, problems: list[str]) -> None:
        """Note what was compared here, not by a command."""
        for problem in problems:
            typer.echo(f"{name}: {problem}")
        self.results.append((name, "FAILED" if problems else "ok", 0.0))

    def skip(self, name: str, reason: str) -> None:
        """Note what was not done, and why."""
        typer.echo(f"\n== {name}: skipped, {reason}")
        self.results.append((name, f"skipped, {reason}", 0.0))

    @property
    def failed(self) -> list[str]:
        """The steps that did not hold."""
        return [name for name, result, _ in self.results if result.startswith("FAILED")]


def main() -> int:
    """Run the job; the module's text has the exit codes."""
    options = parsed()
    catalog = load_catalog()
    name = options.name or catalog.default.name
    folder = options.folder.resolve()
    for made in ("store", "photos"):  # by an earlier run; nothing else that may lie there
        shutil.rmtree(folder / made, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(own_environment(folder))
    origin = ("--from", options.origin) if options.origin else ()

    command = ("fetch", name, *origin)
    fetched = log.run("fetch", *command, shown=False)
    said = ["toolkit", *command]
    if fetched.returncode:
        return not_fetched(log, name, options.origin, folder, fetched, said)
    log.show("fetch", said, fetched)
    log.check("catalog", differences_from_catalog(name, folder, pinned=not options.origin))
    report = log.run("inspect", "inspect", name)
    (folder / "layout.txt").write_text(report.stdout, encoding="utf-8")
    photos = photos_for(folder, options.photos)
    images = [word for photo in photos for word in ("--image", str(photo))]
    log.run("verify", "verify", name, *images)
    for profile in options.profiles:
        convert_and_compare(log, name, profile, photos)
    evaluate(log, name, options.profiles, options.photos)
    accept(log, folder, options.acceptance)

    typer.echo("\n== summary")
    for step, result, seconds in log.results:
        typer.echo(f"{step:<20} {seconds:6.1f} s  {result}")
    typer.echo(f"FAILED: {', '.join(log.failed)}" if log.failed else f"{name}: everything held")
    return FAILED if log.failed else 0


def parsed() -> argparse.Namespace:
    """Read the command line, which the Makefile writes."""
    parser = argparse.ArgumentParser(prog="python -m tests.official", description=__doc__)
    parser.add_argument("--name", help="a network of the catalog; default: the official one")
    parser.add_argument("--from", dest="origin", help="its archive's URL, in place of the origins")
    parser.add_argument(
        "--profiles", type=str.split, default=list(PROFILES), help="names; default: every profile"
    )
    parser.add_argument("--photos", type=int, help="at most so many photos a step; default: all")
    parser.add_argument(
        "--acceptance", default="", help="acceptance tests, as pytest -k takes them; default: all"
    )
    parser.add_argument("--folder", type=Path, default=Path("build/official"))
    return parser.parse_args()


def own_environment(folder: Path) -> dict[str, str]:
    """Return an environment with a store of its own; of settings only "offline" stays."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TOOLKIT_") or name == "TOOLKIT_OFFLINE"
    }
    # in a file, lines are not cut to a terminal's width
    return kept | {"TOOLKIT_HOME": str(folder / "store"), "PYTHONUNBUFFERED": "1"}


def not_fetched(
    log: Log,
    name: str,
    origin: str | None,
    folder: Path,
    done: subprocess.CompletedProcess[str],
    command: list[str],
) -> int:
    """Say in one line that no origin could be reached; else describe what was refused."""
    spec = load_catalog().models.get(name)
    urls = [origin] if origin else list(spec.urls) if spec else []
    archive = folder / f"{name}{ARCHIVE_SUFFIX}"
    for url in urls:
        try:
            download(url, archive)
        except DownloadError:
            continue
        log.show("fetch", command, done)
        report = log.run("inspect", "inspect", archive)
        (folder / "layout.txt").write_text(report.stdout, encoding="utf-8")
        typer.echo(f"\nFAILED: {name} was downloaded and refused")
        return FAILED
    said = done.stderr.strip().splitlines() or [f"{name} can't be fetched"]
    typer.echo(f"test-official: {said[-1].removeprefix('toolkit: ')}", err=True)
    return UNREACHABLE


def differences_from_catalog(name: str, folder: Path, *, pinned: bool) -> list[str]:
    """Compare what was fetched with what the catalog says of it."""
    spec = load_catalog().models.get(name)
    source = Store(folder / "store" / "models", folder / "store" / "exported").source(name)
    if source is None:
        return ["no record in the store"]
    if spec is None:
        return []
    found = {
        "crop": (tuple(source.crop), spec.crop),
        "labels": (tuple(source.labels), spec.labels),
        "pin": (source.pin, "catalog" if pinned and spec.sha256 else None),
    }
    return [
        f"{what} is {one}, and the catalog says {other}"
        for what, (one, other) in found.items()
        if other is not None and one != other
    ]


def photos_for(folder: Path, most: int | None) -> list[Path]:
    """Copy photos into a folder of their own, where a conversion is calibrated on them."""
    target = folder / "photos"
    target.mkdir()
    for path in list(sources_of_photos())[:most]:
        shutil.copy(path, target)
    return sorted(target.iterdir())


def sources_of_photos() -> Iterator[Path]:
    """Yield scikit-image's photos, and those of the folder beside the checkout."""
    yield from public_photos()
    if (SHARED / "photos").is_dir():
        found = sorted((SHARED / "photos").iterdir())
        yield from (path for path in found if path.suffix.lower() in FORMATS)


def convert_and_compare(log: Log, name: str, profile: str, photos: list[Path]) -> None:
    """Convert by a profile, and compare photos; `parity` knows the profile's own rule."""
    calibrated = ("--calibrate", photos[0].parent) if PROFILES[profile].quantized else ()
    made = log.run(f"convert {profile}", "convert", name, "--profile", profile, *calibrated)
    if made.returncode:
        return
    log.run(f"parity {profile}", "parity", *photos, "--model", f"{name}+{profile}")


def evaluate(log: Log, name: str, profiles: list[str], most: int | None) -> None:
    """Judge TF1 and every export against ground truth, where there is a dataset."""
    folders = sorted((SHARED / "dataset").glob("*/images"))
    if not folders:
        log.skip("evaluate", f"{SHARED / 'dataset'} is not here")
    limit = () if most is None else ("--limit", str(most))
    variants = ["tf", *(f"onnx:{name}+{profile}" for profile in profiles)]
    asked = [word for variant in variants for word in ("--variant", variant)]
    for images in folders:
        step = f"evaluate {images.parent.name}"
        words = ("evaluate", images.parent, "--model", name, *asked, *limit, "--json", "--quiet")
        done = log.run(step, *words, shown=False)
        if done.returncode:
            log.show(step, ["toolkit", *map(str, words)], done)
            continue
        typer.echo(f"\n== {step}: mean IoU of the person")
        log.check(f"{step}: IoU", lost_quality(json.loads(done.stdout), variants))


def accept(log: Log, folder: Path, which: str) -> None:
    """Run the tests that want a real network and real photos on what is in the folder."""
    chosen = ("-m", "acceptance", "-k", which, "--official", folder, ROOT / "tests")
    own = ("-p", "no:cacheprovider", "--rootdir", ROOT, "--config-file", ROOT / "pyproject.toml")
    log.run("acceptance", *chosen, *own, "-q", module="pytest")


def lost_quality(document: dict[str, Any], variants: list[str]) -> list[str]:
    """Print the mean IoUs; return which lose too much against TF1's."""
    found = {row["variant"]: row["mean_iou"] for row in document["summary"]}
    problems = [f"{name} was not judged" for name in variants if name not in found]
    for name, iou in found.items():
        typer.echo(f"{name:<60} {'-' if iou is None else f'{iou:.4f}'}")
        lossy = name != "tf" and PROFILES[name.rpartition("+")[2]].least_agreement is not None
        if iou is not None and iou < found["tf"] - (IOU_LOSS if lossy else 0.001):
            problems.append(f"{name} loses {found['tf'] - iou:.4f} against TF1")
    return problems


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ToolkitError as error:
        typer.echo(f"test-official: {error}", err=True)
        sys.exit(FAILED)
