"""A language model on chains of statements, at toy size."""

from string import ascii_uppercase

import pytest
import torch

from probes.errors import BadInputError
from probes.experiments import retrieval_prompts
from probes.experiments.base import Place
from probes.recipes.chain_prompts import chain_prompts
from probes.tiny.architectures import tiny_model
from probes.tiny.planted_tables import word_tokenizer

WORDS = [*ascii_uppercase, *"0123456789", "=", ":", "?", "Question", "Answer", "what", "is", "the", "value", "of"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random model on disk that knows the words of the first form."""
    path = tmp_path_factory.mktemp("model")
    tiny_model("llama").save_pretrained(path)
    word_tokenizer(WORDS).save_pretrained(path)
    return str(path)


def run(folder, tmp_path, **settings):
    place = Place(device="cpu", work=tmp_path)
    return retrieval_prompts.run(seeds=[0, 1], place=place, model=folder, **{"deepest": 2, "n_prompts": 5} | settings)


def test_accuracy_is_the_share_of_right_choices(folder, tmp_path, monkeypatch):
    asked = {
        one.text: one for depth in (1, 2) for seed in (0, 1) for one in chain_prompts("assignments", depth, 5, seed)
    }

    def knows_one_link(model, text, candidates):
        n_links = text.count("=") // 4
        right = asked[text].right if n_links == 1 else (asked[text].right + 1) % 4
        return torch.nn.functional.one_hot(torch.tensor(right), 4).float()

    monkeypatch.setattr(retrieval_prompts, "candidate_log_probabilities", knows_one_link)
    report = run(folder, tmp_path)
    assert report.run.metrics["acc_1"].by_seed == [1.0, 1.0]
    assert report.run.metrics["acc_2"].by_seed == [0.0, 0.0]
    assert report.run.tables["accuracy"].rows[0] == [1, 10, 1.0, 0.0, 0.25]


def test_record_says_which_model_answered_and_how_sure_that_is(folder, tmp_path):
    report = run(folder, tmp_path)
    said = dict(report.run.tables["model"].rows)
    assert said["architecture"] == "LlamaForCausalLM"
    assert len(said["weights_sha256"]) == 64
    for depth, n_prompts, accuracy, error, guessing in report.run.tables["accuracy"].rows:
        assert report.run.metrics[f"acc_{depth}"].mean == pytest.approx(accuracy)
        assert (n_prompts, guessing) == (10, 0.25)
        assert error == pytest.approx((accuracy * (1 - accuracy) / 10) ** 0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"deepest": 7}, "depths 1 to 6"), ({"n_prompts": 1}, "needs at least 2"), ({"form": "riddles"}, "form")],
    ids=["too deep", "one prompt", "no such form"],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(BadInputError, match=words):
        retrieval_prompts.run(seeds=[0], **settings)
