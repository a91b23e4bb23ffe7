"""The work: candidates timed briefly, judged, and those that are left timed well.

What costs little decides first. Every candidate runs a few short rounds; among those of the same
masks the clearly slower ones go. The masks of the others are judged, once for all thread counts.
What is dominated goes, and the rest is timed in rounds whose processes take turns, until the choice
does not hang on the noise or there were rounds enough.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from toolkit.bench.photos import BenchPhoto
from toolkit.bench.processes import WORKER
from toolkit.bench.schema import BenchReport, BenchSettings
from toolkit.bench.statistics import times_by_round
from toolkit.bench.variants import Variant
from toolkit.errors import BackendError
from toolkit.evaluate.dataset import Dataset
from toolkit.evaluate.run import iterate_evaluation
from toolkit.evaluate.schema import Evaluation, summarize
from toolkit.files.atomic import discard
from toolkit.host import available_cores, host_facts
from toolkit.hub.model import Model
from toolkit.hub.store import Store
from toolkit.recommend.candidates import Candidate, find_candidates
from toolkit.recommend.choose import SAME_IOU, Choice, Figures, choose
from toolkit.recommend.config import model_sha256
from toolkit.recommend.inputs import check_dataset, inputs_of, require_label
from toolkit.recommend.pareto import point_of, prune, under_the_names, untimed
from toolkit.recommend.schema import Limits, ParetoPoint, Pruned, Recommendation
from toolkit.recommend.state import State, Timed, read_state, write_state
from toolkit.recommend.timing import (
    BRIEF,
    FINAL,
    FINAL_EARLY,
    FINAL_NS,
    MOST_ROUNDS,
    TimedStage,
    Timer,
    first_rounds,
    hopeless,
    unseen,
)
from toolkit.stats.pareto import TimesByRound

log = logging.getLogger(__name__)


def run_recommendation(
    model: Model,
    dataset: Dataset,
    photo: BenchPhoto,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    subject: str = "person",
    state_path: Path | str | None = None,
    command: Sequence[str] = (),
    store: Store | None = None,
    worker: Sequence[str] = WORKER,
    stage: TimedStage = unseen,
) -> Recommendation:
    """Find the configuration to ship on this machine.

    Parameters
    ----------
    model : Model
        With a profile, only that one is tried.
    dataset : Dataset
        Quality is judged on it.
    photo : BenchPhoto
        Latency is measured on it.
    limits : Limits
    subject : str
        Name or number of the label.
    state_path : Path or str, optional
        Where to keep what is done, so that a call of the same inputs goes on there; by default in
        the store, under the inputs' hash. It is removed at the end.
    command : sequence of str
        For the record.
    store : Store, optional
        By default the user's.
    worker : sequence of str
        The command that starts a worker.
    stage : callable
        Shows the progress.

    Raises
    ------
    InputFileError
        The dataset shows no subject, or a file of it is missing or broken.
    BackendError
        Nothing can be run here.
    UsageError
        The network has no such label.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    store = store or Store.default()
    cores = available_cores()
    with stage("checking the photos") as step:
        dataset_sha256 = check_dataset(dataset, subject, step)
    with tempfile.TemporaryDirectory(prefix="toolkit-recommend-") as name:
        folder = Path(name)
        with stage("making exports"):
            candidates, skipped = find_candidates(model, cores, folder=folder, store=store)
        if not candidates:
            reasons = [f"{item.variant}: {item.reason}" for item in skipped]
            raise BackendError(f"nothing can be tried: {reasons[0] if reasons else 'no runtime'}")
        require_label(candidates, subject)
        state = State(inputs_of(candidates, photo, dataset_sha256, subject))
        path = (
            Path(state_path)
            if state_path
            else store.exported / "recommend" / f"{state.key[:16]}.json"
        )
        timer = Timer(photo, folder, worker, stage)
        state = read_state(path, state.inputs)
        work = _Work(candidates, dataset, subject, cores, timer, stage, path, model, state)
        pruned = [Pruned(item.variant, item.reason) for item in skipped]
        left = work.time_briefly(pruned)
        there = {one.name for one in work.state.briefly.variants}
        reference = _reference(
            [one for one in candidates if one.name in there], {one.judged_as for one in left}
        )
        work.say_how_long(left, reference)
        left = work.judge(left, reference, pruned)
        pareto_front, choice, figures = work.decide(left, reference, limits, pruned)
        timed = work.state.finally_
        evaluation = work.evaluation
        finished = Recommendation(
            created=created,
            command=tuple(command),
            host=host_facts(),
            model=model.argument,
            model_sha256=model_sha256(model),
            subject=subject,
            photo=photo.facts,
            dataset=evaluation.dataset,
            limits=limits,
            reference=reference,
            reference_iou=work.ious[reference],
            pareto_front=pareto_front,
            pruned=tuple(pruned),
            choice=choice,
            bench=BenchReport(
                created=created,
                command=tuple(command),
                host=host_facts(),
                photos=(photo.facts,),
                settings=work.settings(FINAL, rounds=timed.rounds),
                baseline=figures[0].name,
                variants=timed.variants,
                skipped=timed.skipped,
                failures=timed.failures,
            ),
            evaluation=under_the_names(evaluation, left, timed.variants),
        )
    discard(path)
    return finished


@dataclass
class _Work:
    """A recommendation under way."""

    candidates: tuple[Candidate, ...]
    dataset: Dataset
    subject: str
    cores: int
    timer: Timer
    stage: TimedStage
    path: Path
    model: Model
    state: State

    @property
    def evaluation(self) -> Evaluation:
        """What was judged; there is one once `judge` has run."""
        if self.state.evaluation is None:
            raise RuntimeError("nothing was judged yet")
        return self.state.evaluation

    @property
    def ious(self) -> dict[str, float]:
        """Mean IoU, by the name the masks are judged under."""
        found = ((one.name, summarize(one).mean_iou) for one in self.evaluation.variants)
        return {name: iou for name, iou in found if iou is not None}

    def settings(self, settings: BenchSettings, *, rounds: int) -> BenchSettings:
        """Return the settings of a timing."""
        return replace(settings, rounds=rounds, subject=self.subject, threads=self.cores)

    def keep(self, **changed: object) -> None:
        """Take over what was done, and write it down."""
        self.state = replace(self.state, **changed)  # type: ignore[arg-type]  # its own fields
        write_state(self.path, self.state)

    def time_briefly(self, pruned: list[Pruned]) -> list[Candidate]:
        """Time every candidate; return those that no other of the same masks makes needless."""
        timed = self.timer.add_rounds(
            "timing all briefly",
            self.candidates,
            self.state.briefly,
            self.settings(BRIEF, rounds=BRIEF.rounds),
            lambda now: self.keep(briefly=now),
            drop=lambda now: hopeless(self.candidates, now),
        )
        slow = hopeless(self.candidates, timed)
        times = {one.name: times_by_round(one, 0) for one in timed.variants if one.name not in slow}
        pruned += untimed(self.candidates, timed)
        pruned += [
            Pruned(name, f"gives the same masks as {by}, which is far faster", by)
            for name, by in slow.items()
        ]
        left = []
        for masks in dict.fromkeys(one.masks for one in self.candidates):
            alike = [one for one in self.candidates if one.masks == masks and one.name in times]
            left += prune(
                alike,
                [times[one.name] for one in alike],
                [1.0] * len(alike),
                lambda by: f"gives the same masks as {by}, which is faster",
                pruned,
            )
        if not left:
            raise BackendError(f"nothing could be timed: {pruned[-1].name}: {pruned[-1].reason}")
        return left

    def say_how_long(self, left: Sequence[Candidate], reference: str) -> None:
        """Estimate what the rest will take at most, from what the brief rounds took."""
        times = {one.name: one for one in self.state.briefly.variants}
        whole = {one.name: median(times_by_round(times[one.name], 0).values()) for one in left}
        masks = {one.judged_as: whole[one.name] for one in left}
        masks.setdefault(reference, max(whole.values()))
        judging = sum(masks.values()) * len(self.dataset.items)
        loads = sum(median(one.load_ns for one in times[name].rounds) for name in whole)
        passes = sum((FINAL.warmup + 1) * own + FINAL_NS for own in whole.values())
        seconds = (judging + FINAL.rounds * (loads + passes)) / 1e9
        log.info(
            "%d of %d candidates are left to be judged and timed well: %.0f minutes at most, "
            "unless the choice is close",
            *(len(left), len(self.candidates), max(1, seconds / 60)),
        )

    def judge(
        self, left: Sequence[Candidate], reference: str, pruned: list[Pruned]
    ) -> list[Candidate]:
        """Judge masks; return the candidates that are not dominated as it looks now."""
        others = [one.judged_as for one in left if not one.same_labels]
        self._evaluate([reference, *others])
        if reference not in self.ious:
            reasons = dict(self._unjudged())
            raise BackendError(
                f"the reference {reference} can't be judged: {reasons.get(reference, 'no IoU')}"
            )
        # TF1's labels are as good wherever they come from: of them only what is left needs figures
        times = {one.name: times_by_round(one, 0) for one in self.state.briefly.variants}
        left = self._judged(left, pruned)
        left = self._undominated(left, times, pruned, otherwise=self.ious[reference])
        self._evaluate([one.judged_as for one in left])
        return self._judged(left, pruned)

    def _unjudged(self) -> list[tuple[str, str]]:
        """Return what could not be judged, and why."""
        return [(item.variant, item.reason) for item in self.evaluation.skipped]

    def _judged(self, left: Sequence[Candidate], pruned: list[Pruned]) -> list[Candidate]:
        """Leave out what could not be judged."""
        reasons = dict(self._unjudged())
        pruned += [
            Pruned(one.name, f"can't be judged: {reasons[one.judged_as]}")
            for one in left
            if one.judged_as in reasons
        ]
        return [one for one in left if one.judged_as not in reasons]

    def decide(
        self, left: Sequence[Candidate], reference: str, limits: Limits, pruned: list[Pruned]
    ) -> tuple[tuple[ParetoPoint, ...], Choice, list[Figures]]:
        """Time what is left until the choice is clear; return front, choice and all figures."""
        latency = None if limits.max_latency_ms is None else limits.max_latency_ms * 1e6
        least = self.ious[reference] - limits.max_iou_drop
        threads = {one.name: one.threads for one in left}
        iou = {one.name: self.ious[one.judged_as] for one in left}

        def needless(now: Timed) -> dict[str, Pruned]:
            """Return what is dominated in the first rounds; later ones don't bring it back."""
            if now.rounds < FINAL_EARLY:
                return {}
            found: list[Pruned] = []
            times = first_rounds(now, FINAL_EARLY)
            self._undominated([one for one in left if one.name in times], times, found)
            return {one.name: one for one in found}

        running, want = left, FINAL.rounds
        while True:
            timed = self.timer.add_rounds(
                "timing what is left",
                running,
                self.state.finally_,
                self.settings(FINAL, rounds=want),
                lambda now: self.keep(finally_=now),
                drop=needless,
            )
            if not timed.variants:
                raise BackendError(f"nothing could be timed: {timed.failures[-1].problem}")
            dropped = needless(timed)
            figures = [
                Figures(one.name, threads[one.name], times_by_round(one, 0), iou[one.name])
                for one in timed.variants
                if one.name not in dropped
            ]
            choice = choose(figures, least, latency)
            if timed.rounds >= MOST_ROUNDS or (
                choice.outcome != "inconclusive" and not choice.tied
            ):
                break
            if choice.outcome == "chosen":  # only these are in question
                close = {choice.fastest, *choice.tied}
                running = [one for one in left if one.name in close]
            want = MOST_ROUNDS
        pruned += [*untimed(left, timed), *dropped.values()]
        times = {one.name: one.times for one in figures}
        there = [one for one in left if one.name in times]
        pareto_front = {one.name for one in self._undominated(there, times, pruned)}
        # what was chosen within the noise is shown, whatever the noise says of it elsewhere
        pareto_front.add(choice.name)
        pruned[:] = [one for one in pruned if one.name != choice.name]
        by_name = {one.name: one for one in left}
        points = [
            point_of(by_name[one.name], one, iou[one.name])
            for one in timed.variants
            if one.name in pareto_front
        ]
        points.sort(key=lambda point: (point.whole_ns, point.name))
        return tuple(points), choice, figures

    def _undominated(
        self,
        candidates: Sequence[Candidate],
        times: Mapping[str, TimesByRound],
        pruned: list[Pruned],
        *,
        otherwise: float = 0.0,
    ) -> list[Candidate]:
        """Return what nothing dominates; `otherwise` is the IoU of what was not judged."""
        ious = self.ious
        by_name = {one.name: ious.get(one.judged_as, otherwise) for one in candidates}
        return prune(
            candidates,
            [times[one.name] for one in candidates],
            [round(iou, SAME_IOU) for iou in by_name.values()],
            lambda by: f"is no better than {by} (IoU {by_name[by]:.4f}), which is faster",
            pruned,
        )

    def _evaluate(self, names: Iterable[str]) -> None:
        """Judge what was not judged yet; what is done is kept after each."""
        done = self.state.evaluation
        known = {one.name for one in done.variants} if done else set()
        known |= {item.variant for item in done.skipped} if done else set()
        variants = {one.judged_as: _without_threads(one) for one in self.candidates}
        missing = [variants[name] for name in dict.fromkeys(names) if name not in known]
        if not missing:
            return
        log.info("judging %d kinds of masks on %d photos", len(missing), len(self.dataset.items))
        with self.stage("judging masks") as step:
            for evaluation in iterate_evaluation(
                self.dataset,
                self.model,
                missing,
                subject=self.subject,
                threads=self.cores,
                checking=step,
                progress=step,
            ):
                joined = evaluation
                if done:
                    joined = replace(
                        evaluation,
                        variants=done.variants + evaluation.variants,
                        skipped=done.skipped + evaluation.skipped,
                    )
                self.keep(evaluation=joined)


def _reference(candidates: Sequence[Candidate], left: set[str]) -> str:
    """Return what others' IoU is held against: ``exact``, else ``plain``, else TF1 itself.

    Where none of these is there, as for a lone ONNX file, the first candidate that is left.
    """
    exact = [one for one in candidates if one.same_labels]
    for profile in ("exact", "plain", None):
        alike = [one for one in exact if one.profile == profile]
        # one that is judged anyway costs nothing
        alike.sort(key=lambda one: one.judged_as not in left)
        if alike:
            return alike[0].judged_as
    return next(one.judged_as for one in candidates if one.judged_as in left)


def _without_threads(candidate: Candidate) -> Variant:
    return replace(candidate.prepared.variant, threads=None)
