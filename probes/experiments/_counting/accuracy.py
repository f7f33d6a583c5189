"""How well margins and logits answer: accuracy of the label and of the sentence, and ranking without a threshold.

Source: arXiv 2502.06923 names l-acc, s-acc and ROC AUC; the formulas are ours.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def label_accuracy(margins: Float[Tensor, " string"], is_yes: Bool[Tensor, " string"]) -> float:
    """Share of strings whose margin has the sign of the answer (l-acc).

    Args:
        margins: Logit of [YES] less that of [NO].
        is_yes: Whether [YES] is right.

    Returns:
        From 0 to 1.
    """
    return float(((margins > 0) == is_yes).float().mean())


def sentence_accuracy(logits: Float[Tensor, "string query d_vocab"], targets: Int[Tensor, "string query"]) -> float:
    """Share of strings with the right answer at the separator and the end of the sentence after it (s-acc).

    Args:
        logits: Shape (string, query, d_vocab).
        targets: Shape (string, query).

    Returns:
        From 0 to 1.
    """
    return float((logits.argmax(-1) == targets).all(-1).float().mean())


def end_accuracy(logits: Float[Tensor, "string query d_vocab"], targets: Int[Tensor, "string query"]) -> float:
    """Share of strings with the end of the sentence after the answer.

    Args:
        logits: Shape (string, query, d_vocab).
        targets: Shape (string, query).

    Returns:
        From 0 to 1.
    """
    return float((logits[:, 1].argmax(-1) == targets[:, 1]).float().mean())


def area(margins: Float[Tensor, " string"], is_yes: Bool[Tensor, " string"]) -> float:
    """Area under the ROC curve: how often a [YES] string has the larger margin of two, a tie counting half.

    Args:
        margins: Logit of [YES] less that of [NO].
        is_yes: Whether [YES] is right; both answers occur.

    Returns:
        From 0 to 1; 0.5 is chance.
    """
    _, group, sizes = torch.unique(margins, return_inverse=True, return_counts=True)
    mean_rank = sizes.double().cumsum(0) - (sizes - 1).double() / 2
    n_yes, n_no = int(is_yes.sum()), int((~is_yes).sum())
    return float((mean_rank[group][is_yes].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no))


def best_accuracy(margins: Float[Tensor, " string"], is_yes: Bool[Tensor, " string"]) -> float:
    """Accuracy with the threshold that suits these strings best.

    Args:
        margins: Logit of [YES] less that of [NO].
        is_yes: Whether [YES] is right.

    Returns:
        From 0.5 to 1.
    """
    values, group = torch.unique(margins, return_inverse=True)
    balance = torch.zeros(len(values), dtype=torch.long).index_add(0, group, torch.where(is_yes, -1, 1))
    n_right = int(is_yes.sum()) + torch.cat([torch.zeros(1, dtype=torch.long), balance.cumsum(0)])
    return float(n_right.max() / len(margins))
