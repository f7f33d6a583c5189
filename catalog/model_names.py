"""Which names mean one model: repositories on the hub that were renamed, and ways of writing a name."""

from __future__ import annotations

from catalog.ids import slugify

RENAMED = {
    "bert-base-cased": "google-bert/bert-base-cased",
    "bert-base-uncased": "google-bert/bert-base-uncased",
    "bert-large-uncased": "google-bert/bert-large-uncased",
    "distilgpt2": "distilbert/distilgpt2",
    "gpt2": "openai-community/gpt2",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-xl": "openai-community/gpt2-xl",
    "meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B",
    "meta-llama/Llama-3.1-8B": "meta-llama/Meta-Llama-3.1-8B",
    "meta-llama/Llama-3.1-8B-Instruct": "meta-llama/Meta-Llama-3.1-8B-Instruct",
    "roberta-base": "FacebookAI/roberta-base",
}
"""Another name of the same repository on the hub, and the name that stands for both here."""

_RENAMED_SLUGS = {slugify(name): slugify(kept) for name, kept in RENAMED.items()}


def same_model(left: str, right: str) -> bool:
    """Whether two names mean one model.

    Args:
        left: Hugging Face id, slug or label.
        right: Another.

    Returns:
        True if they differ in nothing but capitals and signs, or name one repository before and after it was renamed.
    """
    return _kept(left) == _kept(right)


def _kept(name: str) -> str:
    slug = slugify(name)
    return _RENAMED_SLUGS.get(slug, slug)
