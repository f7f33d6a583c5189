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
from probes.pieces import PIECE, why_whole
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
transformers {version}.

- *Streamed* means that its attention is read while a fused kernel runs, without attention maps, and equals its eager
  maps, with and without padding.
- *Fallback* means that the model does not use that interface, but its modules hand out attention maps: hooks reduce
  each map as soon as it is there, so that the map of one layer is all that exists. It costs eager attention, and memory
  that grows with the square of the length. Where the heads look can be read; their outputs and weights cannot, so
  detectors of direct effects and weights, and interventions, are refused for these models. The heads of `diffllama` are
  read before its layers subtract the outputs of one half of the heads from those of the other.
- *Refused* means a clear error on loading, and never a wrong number. Sequence-to-sequence models are refused too: their
  heads are of three kinds (encoder, decoder, between both), and a record holds one table of heads.

For both of the first two, tests compare every pattern detector with whole eager maps to within 1e-5. Which way a model
was read is chosen on loading and stands in the record of every run. A model of an architecture that is not listed may
well work: it proves itself when it is loaded.

Inputs of more than {piece:,} positions are taken piece by piece in every layer, each piece attending to the keys and
values of those before, so that memory holds the work of one piece. A model proves on a short input that this changes
nothing; those that fail, encoders and models read by fallback take the whole input at once.
{in_pieces}

*Weights by head* are what weight detectors, circuits and direct effects need; they are proved on a short input too.

{n_streamed} streamed, {n_fallback} by fallback, {n_refused} refused. {n_with_weights} of {n_decoders} streamed decoders
have weights by head.
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
    refused = {name: error for name, error in found.items() if isinstance(error, UnsupportedModelError)}
    models = {name: model for name, model in found.items() if name not in refused}
    streamed = {name: model for name, model in models.items() if model.map_sources is None}
    fallback = {name: model for name, model in models.items() if name not in streamed}
    without = {name: reason for name, model in streamed.items() if (reason := missing_weights(model))}
    header = HEADER.format(
        version=transformers.__version__,
        n_streamed=len(streamed),
        n_fallback=len(fallback),
        n_refused=len(refused),
        n_with_weights=len(streamed) - len(without),
        n_decoders=sum(model.shape.is_causal for model in streamed.values()),
        piece=PIECE,
        in_pieces=in_pieces({name: model for name, model in streamed.items() if model.shape.is_causal}),
    )
    rows = [
        f"| `{name}` | {kind(model)} | {'no' if name in without else 'yes'} | {', '.join(features(model)) or 'none'} |"
        for name, model in streamed.items()
    ]
    hooked = [
        f"| `{name}` | {kind(model)} | `{type(model.map_sources[0].module).__name__}` |"
        for name, model in fallback.items()
    ]
    no_weights = [f"| `{name}` | {reason} |" for name, reason in without.items() if streamed[name].shape.is_causal]
    reasons = [f"| `{name}` | {error} |" for name, error in refused.items()]
    return "\n".join(
        [
            header,
            "## Streamed { #streamed }\n",
            "| Architecture | Kind | Weights by head | What its attention has besides softmax |",
            "| --- | --- | --- | --- |",
            *rows,
            "\n## Streamed decoders without weights by head { #no-weights }\n",
            "Their attention can be measured, their circuits cannot.\n",
            "| Architecture | Why |",
            "| --- | --- |",
            *no_weights,
            "\n## Fallback { #fallback }\n",
            "| Architecture | Kind | Module that hands out the map |",
            "| --- | --- | --- |",
            *hooked,
            "\n## Refused { #refused }\n",
            "| Architecture | Error |",
            "| --- | --- |",
            *reasons,
            "",
        ]
    )


def in_pieces(decoders):
    """How many take long inputs piece by piece, and which do not."""
    reasons = {name: reason for name, model in decoders.items() if (reason := why_whole(model))}
    n_passed, others = len(decoders) - len(reasons), [f"- `{name}`: {reason}." for name, reason in reasons.items()]
    return "\n".join([f"{n_passed} of the {len(decoders)} streamed decoders pass. Why the others do not:\n", *others])


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
            ("position bias", any(call.scoring.bias is not None for call in calls)),
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
