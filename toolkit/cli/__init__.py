"""The command line: one file per command; each parses, calls the library, prints, sets the exit.

Nothing heavy is imported here or at the top of a command's file: `toolkit --help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit import __version__
from toolkit.cli.bench import bench_command
from toolkit.cli.compare import compare_command
from toolkit.cli.convert import convert_command
from toolkit.cli.demo import demo_command
from toolkit.cli.evaluate import evaluate_command
from toolkit.cli.fetch import fetch_command
from toolkit.cli.gate import gate_command
from toolkit.cli.info import info_command
from toolkit.cli.inspect import inspect_command
from toolkit.cli.models import models_command
from toolkit.cli.parity import parity_command
from toolkit.cli.portrait import portrait_command
from toolkit.cli.recommend import recommend_command
from toolkit.cli.report import report_command
from toolkit.cli.verify import verify_command

app = typer.Typer(
    name="toolkit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a bug keeps its plain traceback
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"toolkit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Choose a runtime for a segmentation model, and keep it fast.

    Fetches a DeepLabV3 frozen TF1 graph, verifies it, converts it to ONNX, runs a portrait pipeline
    on either runtime, checks that the masks agree and measures the latency.
    """


# Commands, in the order of the work. Their files import nothing heavy at the top.
app.command("demo")(demo_command)
app.command("models")(models_command)
app.command("fetch")(fetch_command)
app.command("inspect")(inspect_command)
app.command("verify")(verify_command)
app.command("convert")(convert_command)
app.command("parity")(parity_command)
app.command("portrait")(portrait_command)
app.command("evaluate")(evaluate_command)
app.command("bench")(bench_command)
app.command("compare")(compare_command)
app.command("gate")(gate_command)
app.command("recommend")(recommend_command)
app.command("report")(report_command)
app.command("info")(info_command)


def main() -> None:
    """Run the command line; the entry point of the installed script."""
    app()
