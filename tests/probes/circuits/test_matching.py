"""QK matching on scores written by hand, on a planted head and against scores of single pairs."""

import torch

from probes import load_model
from probes.circuits.effective_embedding import effective_embedding
from probes.circuits.matching import best_key_hits, pair_hits
from probes.tiny.planted_circuits import SUPPRESSOR, planted_circuits


def test_best_keys_by_hand():
    scores = torch.tensor([[[3.0, 1, 0], [5, 1, 0]], [[1, 1, 0], [0, 2, 1]]])
    own, other = best_key_hits(scores, torch.arange(2))
    assert own.T.tolist() == [[1, 0], [0, 1]], "a tie is no hit"
    assert other.T.tolist() == [[0, 1], [0, 0]]


def test_planted_head_matches_tokens_with_themselves_alone():
    model = load_model(planted_circuits(torch.full((64,), -1)), name="Planted circuits")
    tokens = torch.arange(3, 40)
    own, other = pair_hits(model, torch.stack([tokens, tokens], dim=1))
    assert own.mean(0)[SUPPRESSOR] == 1
    assert other.mean(0)[SUPPRESSOR] == 0
    shifted, _ = pair_hits(model, torch.stack([tokens, tokens + 1], dim=1))
    assert shifted.mean(0)[SUPPRESSOR] == 0


def test_hits_are_those_of_scores_made_pair_by_pair(tiny_llama):
    pairs = torch.tensor([[5, 9], [7, 9], [9, 30], [8, 40], [6, 50]])
    own, _ = pair_hits(tiny_llama, pairs)
    heads, keys = tiny_llama.weights.layer(1), [9, 30, 40, 50]
    for number, (query, key) in enumerate(pairs.tolist()):
        rows = heads.normed(effective_embedding(tiny_llama, torch.tensor([query, *keys])))
        best = heads.qk_scores(rows[:1], rows[1:])[:, 0].argmax(1)
        assert own[number, 1].tolist() == [float(keys[place] == key) for place in best.tolist()]
