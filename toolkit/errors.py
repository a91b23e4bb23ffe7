"""What can go wrong, as one family; the command line turns it into one line and an exit code.

::

    ToolkitError                  exit 3: the command could not run
    ├── UsageError                exit 2: an option's value makes no sense
    ├── ModelNotFoundError        no catalog entry, store entry or file of that name
    ├── InputFileError            a file given is missing, broken, hostile or too large
    │   ├── PhotoError            ... a photo
    │   ├── VideoError            ... a video
    │   ├── ArchiveError          ... a model archive
    │   ├── GraphError            ... a frozen graph
    │   └── ExportError           ... an ONNX file or its manifest
    ├── HashMismatchError         bytes differ from the pinned hash
    ├── DownloadError             every origin failed, or the network is not to be used
    ├── StoreError                the store can't be written
    ├── MissingDependencyError    an extra or a system library is not installed
    ├── ConversionError           a pass does not recognize the graph
    └── BackendError              a runtime refused the model or died

Anything outside this family is a bug and keeps its traceback. A check that ran and failed is not an
error: it is a report with ``passed=False``, and exit code 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

DISTRIBUTION = "deeplab-toolkit"
"""What an installer calls this package."""


class ToolkitError(Exception):
    """A failure the user can act on.

    Parameters
    ----------
    problem : str
        What is wrong, in one line, naming the file or value.
    remedy : str
        What to do about it, in one line; may be empty.
    """

    exit_code = 3

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}; {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class UsageError(ToolkitError):
    """An option's value makes no sense, though it parsed."""

    exit_code = 2


class ModelNotFoundError(ToolkitError):
    """No catalog entry, store entry or file goes by the name given."""


class InputFileError(ToolkitError):
    """A file given is missing, broken, hostile or too large.

    Parameters
    ----------
    path : Path or str
        The file.
    problem : str
        What is wrong with it; the line shown is ``<path>: <problem>``.
    remedy : str
        What to do about it.
    """

    def __init__(self, path: Path | str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{path}: {problem}", remedy)
        self.path = path


class PhotoError(InputFileError):
    """A photo is missing, broken or too large."""


class VideoError(InputFileError):
    """A video is missing, broken, cut off or too large, or shows what can't be done in one go."""


class ArchiveError(InputFileError):
    """A model archive is missing, broken or hostile, or holds no frozen graph."""


class GraphError(InputFileError):
    """A frozen graph can't be read, breaks the contract or uses a forbidden operation."""


class ExportError(InputFileError):
    """An ONNX file can't be read or was made from another graph."""


class HashMismatchError(ToolkitError):
    """Bytes differ from what was pinned.

    Parameters
    ----------
    what : str
        The file or URL whose bytes they are.
    expected, found : str
        SHA-256 in hexadecimal, or a size in bytes as text.
    remedy : str
        What to do about it.
    """

    def __init__(self, what: str, expected: str, found: str, remedy: str) -> None:
        super().__init__(f"{what}: expected {expected}, found {found}", remedy)
        self.what = what
        self.expected = expected
        self.found = found


class DownloadError(ToolkitError):
    """Every origin failed, or the network is not to be used."""


class StoreError(ToolkitError):
    """The store can't be written or is in use."""


class MissingDependencyError(ToolkitError):
    """An optional package or a system library is not installed."""

    @classmethod
    def of_extra(cls, problem: str, extra: str) -> Self:
        """Make the error of a package that one of the project's extras installs."""
        return cls(problem, f"install the {extra} extra: pip install '{DISTRIBUTION}[{extra}]'")


class ConversionError(ToolkitError):
    """A pass of a profile does not recognize the graph: the problem says what it looked for."""


class BackendError(ToolkitError):
    """A runtime refused the model or failed while running it."""
