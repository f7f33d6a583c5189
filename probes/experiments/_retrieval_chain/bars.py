"""What trainings on chains of facts should reach; written down before the sweep was run."""

import math
from collections.abc import Collection

from catalog.experiments import Bar
from probes.tiny.reachability import causal_bound
from probes.tiny.tasks.retrieval_chain import RetrievalChains

SHARE_OF_SEEDS = 0.8
"""Share of the seeds that a bar asks for: four of five."""

TIE = 50
"""Steps within which two events may swap."""

GUESS_MARGIN = 0.08
"""How far from the guess level an accuracy may lie that is called guessing."""

ABLATIONS = {
    "acc_3_without_far_reader": "Accuracy on 3 links without the last-layer head that costs it most",
    "others_without_far_reader": "The lower of the accuracies on 1 and 2 links without that head",
    "acc_2_without_near_reader": "Accuracy on 2 links without the other last-layer head",
    "others_without_near_reader": "The lower of the accuracies on 1 and 3 links without that head",
    "best_without_jump_head": "The highest accuracy without the head that reads from value to value",
    "best_without_previous_token_head": "The highest accuracy without the previous-token head",
}
ONLY, NOT_THREE, NOT_TWO, NOTHING = 0.9, 0.5, 0.6, 0.6
"""Accuracies: what is spared, what is lost without the far and the near reader, what is lost without the others."""


def bars(task: RetrievalChains, n_layers: int, n_seeds: int, metrics: Collection[str]) -> list[Bar]:
    """Bars of one problem and one number of layers.

    Args:
        task: The problem.
        n_layers: Layers of the model.
        n_seeds: Seeds that were trained.
        metrics: Names of what was measured.

    Returns:
        Those that speak of this problem; none for most.
    """
    found, most = [], math.ceil(SHARE_OF_SEEDS * n_seeds)
    if task.n_chains != 4:
        return []
    if task.targets == "every link" and task.depth <= 3 and n_layers == causal_bound(task.depth):
        statement = f"Every accuracy exceeds 0.99 within 2,000 steps in {most} of {n_seeds} seeds."
        found.append(Bar(statement=statement, metric="is_solved_early", at_least=1, in_seeds=most))
    if task.targets == "last link" and task.depth in {2, 3}:
        found.append(_guessing(task, most, n_seeds))
    if task.targets == "every link" and (task.depth, n_layers) == (3, 2):
        found += _too_shallow(n_seeds)
    if task.targets == "every link" and (task.depth, n_layers) == (3, 3):
        found += _circuit(most, n_seeds)
        if "order_slip" in metrics:
            order = "prev, q1, jump, acc_2, q2, acc_3"
            statement = f"Every solved seed has the order {order}; swaps within {TIE} steps are allowed."
            found.append(Bar(statement=statement, metric="order_slip", at_most=TIE))
    return found


def _guessing(task: RetrievalChains, most: int, n_seeds: int) -> Bar:
    guess = 1 / task.n_chains
    return Bar(
        statement=f"Without the curriculum the accuracy on {task.depth} links stays within {guess} ± {GUESS_MARGIN} in "
        f"{most} of {n_seeds} seeds.",
        metric=f"acc_{task.depth}",
        at_least=round(guess - GUESS_MARGIN, 2),
        at_most=round(guess + GUESS_MARGIN, 2),
        in_seeds=most,
    )


def _too_shallow(n_seeds: int) -> list[Bar]:
    return [
        Bar(statement="Two layers learn one link.", metric="acc_1", at_least=0.99, in_seeds=n_seeds),
        Bar(statement="Two layers do not learn three links.", metric="acc_3", at_most=0.45, in_seeds=n_seeds),
    ]


def _circuit(most: int, n_seeds: int) -> list[Bar]:
    limits = {
        "acc_3_without_far_reader": (None, NOT_THREE),
        "others_without_far_reader": (ONLY, None),
        "acc_2_without_near_reader": (None, NOT_TWO),
        "others_without_near_reader": (ONLY, None),
        "best_without_jump_head": (None, NOTHING),
        "best_without_previous_token_head": (None, NOTHING),
    }
    return [
        Bar(
            statement=f"{ABLATIONS[name]} is {'at least' if high is None else 'at most'} {low or high} in {most} of "
            f"{n_seeds} seeds.",
            metric=name,
            at_least=low,
            at_most=high,
            in_seeds=most,
        )
        for name, (low, high) in limits.items()
    ]
