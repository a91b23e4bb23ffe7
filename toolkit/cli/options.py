"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done on the way.")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A name that `toolkit models` lists, or the path of a .tar.gz, .pb, .onnx or "
        "SavedModel. Default: the official network if it is in the store, else the bundled one.",
    ),
]
ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="A name that `toolkit models` lists, or the path of a .tar.gz, .pb, .onnx or "
        "SavedModel. Default: the official network if it is in the store, else the bundled one.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Threads for one photo. Default: the cores this process may use.",
        show_default=False,
    ),
]
Images = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="IMAGE",
        help="Photos to measure on. Default: the demo's photo, or a made-up one, at 1280x720.",
        show_default=False,
    ),
]
PortraitSubject = Annotated[
    str | None,
    typer.Option(
        "--subject",
        metavar="NAME|ID",
        help="The label that stays sharp: one of the model's, as in cat or 8.  [default: person]",
        show_default=False,
    ),
]
SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject",
        metavar="NAME|ID",
        help="The label that stays sharp or is judged: one of the model's, as in cat or 8.",
    ),
]
TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        min=1,
        help="How long one process may work; one that hangs is stopped then, and reported.",
    ),
]
JsonOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.json",
        help="Write every raw figure to this file; `toolkit report` makes a page of it.",
    ),
]
TrustGraph = Annotated[
    bool,
    typer.Option("--trust-graph", help="Allow graph operations outside the allowlist."),
]


def given(context: typer.Context, option: str) -> Any:
    """Return what the command line says itself of an option that has a default, else None."""
    source = context.get_parameter_source(option)
    value = context.params[option]
    return value if source is not None and source.name == "COMMANDLINE" else None
