"""Descriptions by a language model on this machine."""

import torch

from catalog.head_operations import Description
from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.relations.describers.base import Evidence, description_in, prompt_for

N_NEW_TOKENS = 120
"""Tokens of the longest answer."""


class LocalDescriber:
    """Lets a loaded model answer, the likeliest token each time."""

    def __init__(self, model: ProbedModel) -> None:
        """Prepare.

        Args:
            model: A decoder with its tokenizer, from load_model.

        Raises:
            BadInputError: it has no tokenizer, or does not write text.
        """
        if model.tokenizer is None or not model.shape.is_causal:
            raise BadInputError(f"{model.record.name} cannot write a description: it has no tokenizer or is no decoder")
        self._model = model

    def describe(self, evidence: Evidence) -> Description:
        """A description by the model."""
        prompt, name = prompt_for(evidence), self._model.record.name
        text = description_in(self._answer(prompt), f"local model {name}")
        return Description(text=text, is_generated=True, model=name, prompt=prompt)

    def _answer(self, prompt: str) -> str:
        tokenizer = self._model.tokenizer
        if tokenizer.chat_template:
            messages = [{"role": "user", "content": prompt}]
            prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        asked = tokenizer(prompt, add_special_tokens=not tokenizer.chat_template, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            written = self._model.module.generate(
                asked.to(self._model.device),
                attention_mask=torch.ones_like(asked).to(self._model.device),
                max_new_tokens=N_NEW_TOKENS,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0,
            )
        answer: str = tokenizer.decode(written[0, asked.shape[1] :], skip_special_tokens=True)
        return answer
