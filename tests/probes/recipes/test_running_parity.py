"""Running parities: what each state says and where its bit stands."""

import pytest

from probes.errors import BadInputError
from probes.recipes.running_parity import RunningParity


def digits(prompt, kind):
    spans = {span for name, span in prompt.spans.items() if name.startswith(kind)}
    return [int(prompt.text[slice(*span)]) for span in sorted(spans)]


def test_each_state_is_the_parity_of_the_bits_so_far(tiny_llama):
    prompts = RunningParity(n_samples=8).prompts(tiny_llama)
    for prompt in prompts:
        bits = digits(prompt, "item")
        assert digits(prompt, "state") == [sum(bits[: number + 1]) % 2 for number in range(len(bits))]
        assert prompt.text.startswith(f"Bits: {' '.join(map(str, bits))}\nRunning parity: ")
    assert len({len(prompt.text) for prompt in prompts}) > 1


def test_list_without_steps_to_tell_apart_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="at least 2"):
        RunningParity(fewest_items=1).prompts(tiny_llama)
