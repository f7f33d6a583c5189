"""Many independent tasks: one after the other, on processes of this machine, or on workers of Ray."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from enum import StrEnum
from importlib.util import find_spec
from typing import Any, TypeVar

from probes.errors import MissingPackageError

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


class Engine(StrEnum):
    """What does the tasks."""

    HERE = "here"
    """This process, one task after the other."""

    PROCESSES = "processes"
    """Processes of this machine."""

    RAY = "ray"
    """Workers of Ray, on this machine or a cluster."""


N_STARTS = 4
"""How often Ray starts a task before its workers are given up."""

WATCH_EVERY = 0.5
"""Seconds after which a worker looks whether its parent is still there."""


def check_engine(engine: Engine) -> None:
    """Find out early that an engine is not installed.

    Args:
        engine: The engine.

    Raises:
        MissingPackageError: Ray is asked for and not installed.
    """
    if engine is Engine.RAY and find_spec("ray") is None:
        raise MissingPackageError("ray", "ray")


def outcomes(
    do: Callable[[Task], Outcome],
    tasks: Sequence[Task],
    *,
    engine: Engine,
    n_workers: int,
    lost: Callable[[Task, str], Outcome],
) -> Iterator[Outcome]:
    """What became of the tasks, as they end.

    Args:
        do: Does a task; can be pickled, and makes an outcome of every error.
        tasks: The tasks.
        engine: What does them.
        n_workers: How many at the same time; one with Engine.HERE.
        lost: Outcome of a task whose worker was lost, with the reason in one line.

    Yields:
        One outcome a task.
    """
    match engine:
        case Engine.HERE:
            yield from map(do, tasks)
        case Engine.PROCESSES:
            yield from _on_processes(do, tasks, n_workers, lost)
        case Engine.RAY:
            yield from _on_ray(do, tasks, n_workers, lost)


def _on_processes(
    do: Callable[[Task], Outcome], tasks: Sequence[Task], n_workers: int, lost: Callable[[Task, str], Outcome]
) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, mp_context=context, initializer=_start_worker, initargs=(n_workers,)) as pool:
        running: dict[Future[Outcome], Task] = {pool.submit(do, task): task for task in tasks}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                task = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    yield lost(task, "a worker process was killed")


def _start_worker(n_workers: int) -> None:
    """Share the cores out, and end with the parent: a worker that outlives it would do what the next sweep does too."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // n_workers)))
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_ray(
    do: Callable[[Task], Outcome], tasks: Sequence[Task], n_workers: int, lost: Callable[[Task, str], Outcome]
) -> Iterator[Outcome]:
    """Outcomes as they come in; never more than so many tasks at a time."""
    import ray

    _start_ray(ray, n_workers)
    try:
        remote = ray.remote(**_needs(ray))(_call)
        waiting = list(tasks)
        running: dict[Any, Task] = {}
        while waiting or running:
            while waiting and len(running) < n_workers:
                task = waiting.pop(0)
                running[remote.remote(do, task)] = task
            (done, *_), _ = ray.wait(list(running))
            yield _collect(ray, done, running.pop(done), lost)
    finally:
        ray.shutdown()


def _call(do: Callable[[Task], Outcome], task: Task) -> Outcome:
    """Ray takes a function that has a name."""
    return do(task)


def _start_ray(ray: Any, n_workers: int) -> None:
    """Join the cluster that RAY_ADDRESS names, or start one on this machine."""
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
    else:
        ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False, logging_level="error")


def _needs(ray: Any) -> dict[str, Any]:
    """What a task takes: a GPU where there are any; started again if its worker is killed, not if it fails."""
    n_gpus = 1 if ray.cluster_resources().get("GPU") else 0
    return {"num_cpus": 1, "num_gpus": n_gpus, "max_retries": N_STARTS - 1, "max_calls": 1}


def _collect(ray: Any, reference: Any, task: Task, lost: Callable[[Task, str], Outcome]) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
    except ray.exceptions.RayError as error:
        return lost(task, f"its worker was lost {N_STARTS} times ({' '.join(str(error).split())})")
    return outcome
