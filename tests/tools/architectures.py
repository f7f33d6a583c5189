"""Write site/docs/architectures.md: which architectures the engine reads, tried on tiny random models.

    python tests/tools/architectures.py

tests/probes/test_architectures.py compares every pattern detector with eager maps on the same models, and says when the
page is out of date.
"""

from pathlib import Path

import torch
import transformers

from probes import load_model
from probes.attention import reading
from probes.errors import SelfCheckError, UnsupportedModelError
from probes.masks import Mask
from probes.tiny.architectures import DECODERS, ENCODERS, tiny_model

PAGE = Path(__file__).parents[2] / "site/docs/architectures.md"
HEADER = """---
title: Architectures
description: The model architectures of transformers whose attention heads HeadAtlas can measure.
hide: [navigation]
---

# Architectures

HeadAtlas has no code for single architectures: it hands transformers an attention function of its own, and every model
written against that interface can be read. The table is made by loading a tiny random model of each architecture with
transformers {version}. *Supported* means that its streamed attention equals its eager maps, with and without padding,
and that tests compare every pattern detector with those maps to within 1e-5. *Refused* means a clear error on loading,
and never a wrong number; no fallback exists for these yet. A model of an architecture that is not listed may well work:
it proves itself when it is loaded. *Weights by head* are what weight detectors, circuits and direct effects need; they
are proved on a short input too.

{n_supported} supported, {n_refused} refused. {n_with_weights} of {n_decoders} supported decoders have weights by head.
"""


def outcomes():
    """By name of the architecture, the loaded model or the error."""
    found = {}
    for name in (*DECODERS, *ENCODERS):
        try:
            found[name] = load_model(tiny_model(name), name=name)
        except UnsupportedModelError as error:
            found[name] = error
    return found


def page(found):
    """The whole page."""
    supported = {name: model for name, model in found.items() if not isinstance(model, UnsupportedModelError)}
    refused = {name: error for name, error in found.items() if name not in supported}
    without = {name: reason for name, model in supported.items() if (reason := missing_weights(model))}
    n_decoders = sum(model.shape.is_causal for model in supported.values())
    header = HEADER.format(
        version=transformers.__version__,
        n_supported=len(supported),
        n_refused=len(refused),
        n_with_weights=len(supported) - len(without),
        n_decoders=n_decoders,
    )
    rows = [
        f"| `{name}` | {kind(model)} | {'no' if name in without else 'yes'} | {', '.join(features(model)) or 'none'} |"
        for name, model in supported.items()
    ]
    no_weights = [f"| `{name}` | {reason} |" for name, reason in without.items() if supported[name].shape.is_causal]
    reasons = [f"| `{name}` | {error} |" for name, error in refused.items()]
    return "\n".join(
        [
            header,
            "## Supported { #supported }\n",
            "| Architecture | Kind | Weights by head | What its attention has besides softmax |",
            "| --- | --- | --- | --- |",
            *rows,
            "\n## Decoders without weights by head { #no-weights }\n",
            "Their attention can be measured, their circuits cannot.\n",
            "| Architecture | Why |",
            "| --- | --- |",
            *no_weights,
            "\n## Refused { #refused }\n",
            "| Architecture | Error |",
            "| --- | --- |",
            *reasons,
            "",
        ]
    )


def kind(model):
    """Decoder or encoder."""
    return "decoder" if model.shape.is_causal else "encoder"


def missing_weights(model):
    """Why it has no weights by head, or None."""
    try:
        model.weights.layer(model.shape.attention_layers[0])
    except (UnsupportedModelError, SelfCheckError) as error:
        return str(error)
    return None


def features(model):
    """What its attention calls showed."""
    calls = calls_of(model)
    shape = model.shape
    masks = [call.scoring.mask for call in calls]
    return [
        words
        for words, is_so in (
            (
                f"{shape.n_heads // shape.n_key_value_heads} heads a key-value head",
                shape.n_heads > shape.n_key_value_heads,
            ),
            ("windows", any(isinstance(mask, Mask) and mask.window is not None for mask in masks)),
            ("soft-cap", any(call.scoring.softcap is not None for call in calls)),
            ("sinks", any(call.scoring.sink is not None for call in calls)),
            ("values of another width", any(call.value.shape[3] != call.key.shape[3] for call in calls)),
            ("layers without it", len(shape.attention_layers) < shape.n_layers),
        )
        if is_so
    ]


class Calls(list):
    """Every call of a pass."""

    def read(self, call):
        """Keep it."""
        self.append(call)


def calls_of(model):
    """Attention calls on an input longer than the windows."""
    calls = Calls()
    with reading(model.module, calls):
        model.read(torch.arange(3, 23)[None])
    return calls


if __name__ == "__main__":
    PAGE.write_text(page(outcomes()), encoding="utf-8")
    print(f"wrote {PAGE}")
