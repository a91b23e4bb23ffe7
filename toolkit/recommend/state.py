"""What was done so far, in a file, so that the same command goes on where it was."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from toolkit.bench.schema import Failure, Skipped, VariantTimes
from toolkit.errors import InputFileError
from toolkit.evaluate.schema import Evaluation
from toolkit.schema.records import read_record
from toolkit.schema.serialization import FileFormat, read_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timed:
    """Rounds of candidates.

    Attributes
    ----------
    rounds : int
        How many were run.
    variants : tuple of VariantTimes
        Those with a round that ended well.
    skipped : tuple of Skipped
        Those whose backend refused.
    failures : tuple of Failure
        Processes that did not end well.
    """

    rounds: int = 0
    variants: tuple[VariantTimes, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    failures: tuple[Failure, ...] = ()

    def plus(self, later: Timed) -> Timed:
        """Return it with the rounds that were run behind it."""
        added = {times.name: times for times in later.variants}
        known = [
            dataclasses.replace(times, rounds=times.rounds + added.pop(times.name).rounds)
            if times.name in added
            else times
            for times in self.variants
        ]
        return Timed(
            later.rounds,
            (*known, *added.values()),
            self.skipped + later.skipped,
            self.failures + later.failures,
        )


@dataclass(frozen=True)
class State:
    """How far a recommendation is.

    Attributes
    ----------
    inputs : dict of str to str
        What it depends on, by name: hashes of files, the machine, versions.
    briefly : Timed
        Every candidate.
    evaluation : Evaluation or None
        Masks judged so far.
    finally_ : Timed
        The candidates that are left.
    """

    inputs: dict[str, str]
    briefly: Timed = dataclasses.field(default_factory=Timed)
    evaluation: Evaluation | None = None
    finally_: Timed = dataclasses.field(default_factory=Timed)

    @property
    def key(self) -> str:
        """A hash of the inputs."""
        return hashlib.sha256(json.dumps(self.inputs, sort_keys=True).encode()).hexdigest()


STATE = FileFormat(
    "toolkit-recommend-state",
    "the state of a recommendation",
    source="toolkit recommend",
    again="delete it",
    readers={1: lambda document: read_record(State, document)},
)


def write_state(path: Path, state: State) -> None:
    """Write a state's file, whole or not at all.

    Raises
    ------
    StoreError
        It can't be written.
    """
    STATE.write(path, STATE.document(dataclasses.asdict(state)))


def read_state(path: Path, inputs: dict[str, str]) -> State:
    """Return where to go on: what the file holds if it is of the same inputs, else a beginning.

    A file that belongs to other inputs, is damaged or of another version is not used, and the log
    says so.

    Raises
    ------
    InputFileError
        The file is of another kind or can't be read, so it is not to be written over.
    """
    begin = State(inputs)
    if not path.exists():
        return begin
    another = "name another file with --state"
    document = read_json(path, another)
    if not STATE.describes(document):
        raise InputFileError(path, "is no state of a recommendation", another)
    try:
        state = STATE.take(path, document)
    except InputFileError as error:
        log.warning("beginning anew: %s", error)
        return begin
    other = sorted(
        name
        for name in state.inputs.keys() | inputs.keys()
        if state.inputs.get(name) != inputs.get(name)
    )
    if other:
        log.warning("beginning anew: %s is of another %s", path, ", ".join(other))
        return begin
    return state
