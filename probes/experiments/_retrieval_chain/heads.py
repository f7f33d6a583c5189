"""What is measured of a model that retrieves along chains: its answers, where its heads look, what they are good for.

Scores of heads are mean attention over the evaluation set, from 0 to 1: prev, from the value of a fact to its key;
same, from a value to the earlier key with the same token; jump, from a value to the value of the fact that this key
belongs to; qkey, from the query to its key; and q1, q2 and so on, from the query to the value that holds the symbol so
many links on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from catalog.ids import HeadName
from probes import load_model
from probes.adapters.base import ProbedModel
from probes.forward import read
from probes.inputs import TokenBatch
from probes.interventions import replaced_heads
from probes.readouts.mean_output import MeanOutput
from probes.tiny.tasks.retrieval_chain import ChainSequences, RetrievalChains
from probes.tiny.training import Metrics
from probes.tiny.transformer import TinyForCausalLM

Patterns = Float[Tensor, "layer batch head query_pos key_pos"]
Readouts = Float[Tensor, "batch n_readouts d_vocab"]


@dataclass(frozen=True)
class Edges:
    """Pairs of a query and a key in every sequence, some of which count."""

    query_pos: Int[Tensor, "batch edge"]
    key_pos: Int[Tensor, "batch edge"]
    counts: Bool[Tensor, "batch edge"]

    def mean_attention(self, patterns: Patterns) -> Float[Tensor, "layer head"]:
        """Attention over the edges that count.

        Args:
            patterns: Of all layers.

        Returns:
            Shape (layer, head).
        """
        rows = torch.arange(len(self.query_pos))[:, None]
        attention = patterns.transpose(1, 2)[:, :, rows, self.query_pos, self.key_pos]
        return (attention * self.counts).sum((2, 3)) / self.counts.sum()


@dataclass(frozen=True)
class ChainMeasure:
    """Takes the answers and the heads of a model on fixed sequences."""

    task: RetrievalChains
    sequences: ChainSequences

    def __call__(self, model: TinyForCausalLM) -> Metrics:
        """Accuracies acc_1, acc_2 and so on, and the highest score of every kind that any head has."""
        device = model.lm_head.weight.device
        output = model(self.sequences.tokens.to(device))
        patterns = torch.stack(list(output.attentions)).cpu()
        best = {name: float(scores.max()) for name, scores in self.scores(patterns).items()}
        return self.accuracies(output.readouts[:, -1].cpu()) | best

    def accuracies(self, readouts: Readouts) -> Metrics:
        """Share of right answers by the number of links that had to be followed.

        Args:
            readouts: Logits of all read-outs at the query.

        Returns:
            By name; without a read-out for every link only those that the task asks for.
        """
        batch = self.task.asked(self.sequences)
        is_right = readouts.argmax(-1) == batch.targets
        if self.task.targets == "mixed":
            n_links = self.task.depth - self.sequences.start
            return {
                f"acc_{links}": float(is_right[n_links == links].double().mean())
                for links in range(1, self.task.depth + 1)
            }
        first = self.task.depth - self.task.n_readouts + 1
        return {f"acc_{first + number}": float(share) for number, share in enumerate(is_right.double().mean(0))}

    def scores(self, patterns: Patterns) -> dict[str, Float[Tensor, "layer head"]]:
        """Score of every head, by the name of the score."""
        return {name: edges.mean_attention(patterns) for name, edges in self._edges()}

    def _edges(self) -> Iterator[tuple[str, Edges]]:
        yield "prev", self._from_values_to_their_keys()
        if self.task.depth > 1:
            same = self._from_values_to_the_same_token()
            yield "same", same
            yield "jump", Edges(same.query_pos, same.key_pos + 1, same.counts)
        first = self.sequences.start[:, None]
        yield "qkey", self._from_query_to(self.sequences.key_positions, first)
        for links in range(1, self.task.depth + 1):
            yield f"q{links}", self._from_query_to(self.sequences.value_positions, first + links - 1)

    def _values(self) -> Int[Tensor, "batch edge"]:
        """Positions of all values of all chains."""
        tokens = self.sequences.tokens
        return torch.arange(1, tokens.shape[1], 2).expand(len(tokens), -1)

    def _from_values_to_their_keys(self) -> Edges:
        values = self._values()
        return Edges(values, values - 1, torch.ones_like(values, dtype=torch.bool))

    def _from_values_to_the_same_token(self) -> Edges:
        values, tokens = self._values(), self.sequences.tokens
        is_same = tokens.gather(1, values)[:, :, None] == tokens.gather(1, values - 1)[:, None]
        return Edges(values, 2 * is_same.int().argmax(2), is_same.any(2))

    def _from_query_to(self, positions: Int[Tensor, "batch fact"], fact: Int[Tensor, "batch 1"]) -> Edges:
        last = torch.full_like(fact, self.task.n_ctx - 1)
        is_there = fact < self.task.depth
        return Edges(last, positions.gather(1, fact.clamp(max=self.task.depth - 1)), is_there)

    def line_attention(self, patterns: Patterns) -> Float[Tensor, "layer head place place"]:
        """Mean attention among the positions of the queried chain.

        Args:
            patterns: Of all layers.

        Returns:
            From and to the key and the value of the last fact, and so on to those of fact 0, and the query: the order
            in which they are read.
        """
        facts = torch.stack([self.sequences.key_positions, self.sequences.value_positions], dim=2).flip(1).flatten(1)
        last = torch.full_like(facts[:, :1], self.task.n_ctx - 1)
        line = torch.cat([facts, last], dim=1)
        rows = torch.arange(len(line))[:, None, None]
        return patterns.transpose(1, 2)[:, :, rows, line[:, :, None], line[:, None]].mean(2)


def ablated_accuracies(model: TinyForCausalLM, measure: ChainMeasure) -> dict[str, Metrics]:
    """Accuracies without each head in turn, its output replaced by its mean over sequences and positions.

    Args:
        model: The model, on the CPU.
        measure: Sequences and what is asked of them.

    Returns:
        By head.
    """
    probed = load_model(model, name="Retrieval chain")
    tokens = measure.sequences.tokens
    batch = TokenBatch(tokens)
    (outputs,) = read(probed, batch, [MeanOutput(batch.is_real)])
    means = outputs.mean(0)
    return {str(name): _without(probed, name, means[name.layer, name.head], measure) for name in head_names(model)}


def _without(probed: ProbedModel, name: HeadName, mean: Float[Tensor, " d_value"], measure: ChainMeasure) -> Metrics:
    with torch.no_grad(), replaced_heads(probed, {name: mean}):
        readouts = probed.module(input_ids=measure.sequences.tokens).readouts[:, -1]
    return measure.accuracies(readouts)


def head_names(model: TinyForCausalLM) -> list[HeadName]:
    """All heads of a model.

    Args:
        model: The model.

    Returns:
        Layer by layer.
    """
    heads = model.config.n_heads_by_layer
    return [HeadName(layer, head) for layer, n_heads in enumerate(heads) for head in range(n_heads)]
