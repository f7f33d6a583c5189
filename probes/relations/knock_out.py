"""Accuracy of the next word when heads are off at the last position, read again and again after a prefix.

What heads do at the last position changes nothing before it: the text up to there runs once, and every set of heads
costs a single position.

Source: elhelo-2024-maps for the test.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from catalog.ids import HeadName
from probes.adapters.base import ProbedModel, backbone
from probes.attention import editing
from probes.calls import StreamedCall
from probes.relations.carriers import Carrier
from probes.shapes import HeadOutputs


@dataclass(frozen=True)
class _Off:
    """Puts the outputs of heads to zero."""

    heads: Sequence[HeadName]

    def edit(self, call: StreamedCall) -> HeadOutputs:
        """Outputs of one layer; other heads stay as they are."""
        mine = [name.head for name in self.heads if name.layer == call.layer]
        if not mine:
            return call.output
        output = call.output.clone()
        output[:, mine] = 0
        return output


class LastPosition:
    """The last position of a text, with the prefix kept."""

    def __init__(self, model: ProbedModel, one: Carrier) -> None:
        """Run the prefix.

        Args:
            model: The model.
            one: The text, with at least two positions.
        """
        self.text = one.text
        self._model, self._accepted = model, one.accepted
        tokens = one.batch.tokens.to(model.device)
        self._last = tokens[:, -1:]
        with _run(model, []):
            self._prefix = backbone(model.module)(input_ids=tokens[:, :-1], use_cache=True).past_key_values

    def accuracy(self, heads: Sequence[HeadName] = ()) -> float:
        """Share of samples whose likeliest next token is right.

        Args:
            heads: Heads that are off.

        Returns:
            From 0 to 1.
        """
        guesses = self.logits(heads).argmax(-1).cpu()
        return float((guesses[:, None] == self._accepted).any(1).double().mean())

    def logits(self, heads: Sequence[HeadName] = ()) -> Tensor:
        """Logits of the next token, shape (sample, d_vocab)."""
        with _run(self._model, heads):
            prefix: Any = copy.deepcopy(self._prefix)
            logits: Tensor = self._model.module(input_ids=self._last, past_key_values=prefix, use_cache=True).logits
        return logits[:, -1]


@contextmanager
def _run(model: ProbedModel, heads: Sequence[HeadName]) -> Iterator[None]:
    with editing(model.module, _Off(heads)), torch.no_grad():
        yield
