"""The weights of a model by head, proved on a short input: they give the model's own values, outputs and logits."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from probes.adapters._projections import Projections, has_projections, projections
from probes.adapters.shape import ModelShape
from probes.attention import reading
from probes.calls import AttentionCall
from probes.errors import SelfCheckError, UnsupportedModelError
from probes.weights import HeadWeights, ModelWeights, Norm

LENGTH = 5
"""Positions of the input on which the weights are proved."""

TOLERANCES = {torch.bfloat16: 5e-2, torch.float16: 1e-2}
"""Largest relative difference by number format; 1e-4 otherwise."""


@dataclass
class Trace:
    """What went in and out of the modules during one short pass."""

    inputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    outputs: dict[nn.Module, Tensor] = field(default_factory=dict)
    calls: dict[int, AttentionCall] = field(default_factory=dict)

    def read(self, call: AttentionCall) -> None:
        """Keep one attention call; the input is short."""
        self.calls[call.layer] = call

    def hook(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """Keep the first tensor that went in and the first that came out."""
        given = args[0] if args else kwargs.get("hidden_states")
        made = output[0] if isinstance(output, tuple) else output
        if isinstance(given, Tensor) and isinstance(made, Tensor):
            self.inputs[module], self.outputs[module] = given, made

    def norm_with_output(self, norms: list[nn.Module], tensor: Tensor) -> tuple[nn.Module, float] | None:
        """The norm that made a tensor, and the factor that the model put on it in between."""
        for norm in norms:
            if _is_same(self.outputs.get(norm), tensor):
                return norm, 1.0
        made = [norm for norm in norms if norm in self.outputs and self.outputs[norm].shape == tensor.shape]
        factors = [(norm, _factor(self.outputs[norm], tensor)) for norm in made]
        return next(((norm, factor) for norm, factor in factors if factor is not None), None)

    def norm_with_input(self, norms: list[nn.Module], tensor: Tensor) -> nn.Module | None:
        """The norm that took a tensor."""
        return next((norm for norm in norms if _is_same(self.inputs.get(norm), tensor)), None)


def _is_same(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.data_ptr() == other.data_ptr() and one.numel() == other.numel()


def _factor(one: Tensor, other: Tensor) -> float | None:
    """What makes the other tensor of one, if they differ in nothing else."""
    plain, wanted = one.double(), other.double()
    factor = float((plain * wanted).sum() / plain.square().sum())
    close = TOLERANCES.get(one.dtype, 1e-4) * float(wanted.abs().max())
    return factor if float((factor * plain - wanted).abs().max()) <= close else None


def read_weights(model: PreTrainedModel, shape: ModelShape) -> ModelWeights:
    """Weights of a model by head.

    Args:
        model: A transformers decoder.
        shape: Its sizes.

    Returns:
        The weights; every layer was checked.

    Raises:
        UnsupportedModelError: the architecture keeps its weights in a way we do not know.
        SelfCheckError: the weights do not give the model's own values, outputs or logits.
    """
    kind = type(model).__name__
    if not shape.is_causal or model.get_output_embeddings() is None:
        raise UnsupportedModelError(f"{kind} has no language head that reads left to right, so it has no such weights")
    tokens = torch.randint(shape.d_vocab, (1, LENGTH), generator=torch.Generator().manual_seed(0))
    with _traced(model) as trace:
        logits = model(tokens.to(model.get_input_embeddings().weight.device), use_cache=False).logits.float()
    blocks = _blocks(model, shape)
    outside = [module for module in _norms(model) if not any(module in set(block.modules()) for block in blocks)]
    final = next((norm for norm in reversed(outside) if norm in trace.outputs), None)
    if final is None:
        raise UnsupportedModelError(f"{kind} has no norm behind its last layer")
    layers = {
        number: _layer(block, number, trace, model.config)
        for number, block in enumerate(blocks)
        if number in trace.calls
    }
    head_weights = partial(_head_weights, layers, shape)
    for number, layer in layers.items():
        _check_layer(kind, number, head_weights(number), layer, trace)
    final_norm = Norm.of(final, shape.d_model)
    W_U = _unembedding(model, final_norm(trace.inputs[final].float()), logits)
    return ModelWeights(
        layer=head_weights,
        W_E=model.get_input_embeddings().weight.detach(),
        W_U=W_U,
        final_norm=final_norm,
        final_norm_module=final,
        first_block=blocks[0],
    )


@contextmanager
def _traced(model: PreTrainedModel) -> Iterator[Trace]:
    trace = Trace()
    with ExitStack() as stack:
        for module in model.modules():
            handle = module.register_forward_hook(trace.hook, with_kwargs=True)
            stack.callback(handle.remove)
        stack.enter_context(reading(model, trace))
        yield trace


def _blocks(model: PreTrainedModel, shape: ModelShape) -> list[nn.Module]:
    lists = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    found = next((list(modules) for modules in lists if len(modules) == shape.n_layers), None)
    if found is None:
        raise UnsupportedModelError(f"{type(model).__name__} has no list of its {shape.n_layers} layers")
    return found


def _norms(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if "norm" in type(part).__name__.lower()]


@dataclass(frozen=True)
class Layer:
    """The parts of one layer that its heads need."""

    attention: nn.Module
    norm_before: tuple[nn.Module, float] | None
    """Norm in front of the attention, and the factor that the model puts on what it gives."""

    norm_behind: nn.Module | None
    multiplier: float
    """What the model multiplies the attention's output with before it adds it to the residual stream."""


def _attention_of(block: nn.Module, number: int, trace: Trace) -> nn.Module:
    numbered = [part for part in block.modules() if getattr(part, "layer_idx", None) == number]
    called = [part for part in numbered if part in trace.outputs and part is not block]
    if len(called) > 1:  # a state-space model or experts beside it
        called = [part for part in called if has_projections(part)]
    if len(called) != 1:
        raise UnsupportedModelError(f"layer {number} has {len(called)} attention modules that can be told, not one")
    return called[0]


def _layer(block: nn.Module, number: int, trace: Trace, config: Any) -> Layer:
    """The parts of a layer; norms are told by the tensors that they hand over."""
    attention, norms = _attention_of(block, number, trace), _norms(block)
    given = trace.inputs[attention]
    before = trace.norm_with_output(norms, given)
    if before is None and _factor(trace.inputs[block], given) is None:
        kind = type(attention).__name__
        raise UnsupportedModelError(f"layer {number}: {kind} reads neither the residual stream nor a norm of it")
    behind = trace.norm_with_input(norms, trace.outputs[attention])
    return Layer(attention, before, behind, _multiplier(config))


def _multiplier(config: Any) -> float:
    """Factor between what an attention gives and what is added to the residual stream."""
    settings = config.get_text_config()
    return float(getattr(settings, "residual_multiplier", 1.0) * getattr(settings, "attention_out_multiplier", 1.0))


def _head_weights(layers: dict[int, Layer], shape: ModelShape, number: int) -> HeadWeights:
    """Weights of one layer by head."""
    layer = layers[number]
    parts: Projections = projections(layer.attention, shape)
    W_O, b_O = parts.output
    after = None if layer.norm_behind is None else Norm.of(layer.norm_behind, shape.d_model)
    return HeadWeights(
        *_by_head(*parts.query, shape.n_heads),
        *_by_head(*parts.key, shape.n_key_value_heads),
        *_by_head(*parts.value, shape.n_key_value_heads),
        W_O=layer.multiplier * W_O.float().unflatten(0, (shape.n_heads, -1)),
        b_O=W_O.new_zeros(W_O.shape[1]).float() if b_O is None else layer.multiplier * b_O.float(),
        input_norm=None if layer.norm_before is None else _norm_before(*layer.norm_before, shape.d_model),
        output_norm=after,
    )


def _norm_before(module: nn.Module, factor: float, d_model: int) -> Norm:
    """The norm in front, with the factor that the model puts on what it gives."""
    norm = Norm.of(module, d_model)
    return norm if factor == 1.0 else replace(norm, gain=factor * norm.gain, bias=factor * norm.bias)


def _by_head(weight: Tensor, bias: Tensor | None, n_heads: int) -> tuple[Tensor, Tensor]:
    """Matrix (head, d_model, width) and bias (head, width)."""
    W = weight.float().unflatten(1, (n_heads, -1)).transpose(0, 1)
    return W, W.new_zeros(n_heads, W.shape[2]) if bias is None else bias.float().unflatten(0, (n_heads, -1))


def _check_layer(kind: str, number: int, weights: HeadWeights, layer: Layer, trace: Trace) -> None:
    call, given = trace.calls[number], trace.inputs[layer.attention].float()
    made = layer.multiplier * trace.outputs[layer.attention].float()
    values = given[:, None] @ weights.W_V + weights.b_V[:, None]
    outputs = (call.output.float() @ weights.W_O).sum(1) + weights.b_O
    for what, ours, theirs in (("values", values, call.value.float()), ("head outputs", outputs, made)):
        _compare(f"{kind} layer {number}: {what}", ours, theirs, call.query.dtype)


def _unembedding(model: PreTrainedModel, final: Tensor, logits: Tensor) -> Tensor:
    """Unembedding whose product with the final norm's output gives the model's logits, but for cap and bias."""
    head = model.get_output_embeddings()
    plain = final @ head.weight.detach().float().T
    bias = getattr(head, "bias", None)
    settings = model.config.get_text_config()
    cap = getattr(settings, "final_logit_softcapping", getattr(settings, "logits_soft_cap", None))
    uncapped = logits if cap is None else cap * torch.atanh((logits / cap).clamp(-1 + 1e-6, 1 - 1e-6))
    wanted = uncapped.detach() - (0 if bias is None else bias.detach().float())
    factor = float((plain * wanted).sum() / plain.square().sum())
    factor = 1.0 if abs(factor - 1) < 1e-2 else factor
    near = torch.ones_like(logits, dtype=torch.bool) if cap is None else logits.abs() < 0.9 * cap
    _compare(f"{type(model).__name__}: logits", plain * factor * near, wanted * near, head.weight.dtype)
    return (head.weight.detach() if factor == 1.0 else head.weight.detach() * factor).T


def _compare(where: str, ours: Tensor, theirs: Tensor, dtype: torch.dtype) -> None:
    difference = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-6))
    if not difference <= TOLERANCES.get(dtype, 1e-4):
        raise SelfCheckError(f"{where} made from its weights differ from the model's own by {difference:.2g}")
