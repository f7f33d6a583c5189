"""Tiny random models of many architectures, made from their configuration classes: what the engine is tried on.

All share one set of sizes; what an architecture does not know it passes over. Their weights are made larger than usual,
so that attention is uneven and a mistake in reading it shows.
"""

from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    PreTrainedModel,
)

N_CTX = 160
WINDOW = 8
NOISE = 0.3
"""Standard deviation of what is added to every weight."""

CALMER = {"electra": 0.1}
"""Noise where more of it would leave many keys with an attention that rounds to 0."""

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": N_CTX,
    "sliding_window": WINDOW,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 12}
"""Attention through a narrow latent: keys and values differ in width."""

GROUPS = {"num_key_value_heads": 4, "n_group": 2, "topk_group": 1, "first_k_dense_replace": 1}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_ssm": 64, "mamba_d_state": 8, "mamba_chunk_size": 16}
LINEAR = {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4}
RELATIVE = {
    "swa_num_attention_heads": 4,
    "swa_num_key_value_heads": 2,
    "swa_head_dim": 8,
    "sliding_window_size": WINDOW,
    "d_rel": 4,
    "rel_extent": 6,
    "layer_types": ["hybrid_sliding", "hybrid"],
    "mlp_layer_types": ["dense", "sparse"],
    "n_shared_experts": 1,
}
"""Attention whose scores get a bias that depends on the distance."""

NARROW_FIRST = {"layer_types": ["sliding_attention", "full_attention"]}
LINEAR_FIRST = {"layer_types": ["linear_attention", "full_attention"]}

OTHERS: dict[str, dict[str, Any]] = {
    "bamba": MAMBA | {"attn_layer_indices": [1]},
    "codegen": {"rotary_dim": 8},
    "ctrl": {"dff": 32},
    "deepseek_v2": LATENT | GROUPS | {"head_dim": None},
    "deepseek_v3": LATENT | GROUPS | {"head_dim": None},
    "dots1": {"n_shared_experts": 1, "n_group": 2, "topk_group": 1},
    "falcon": {"head_dim": None},
    "falcon_h1": MAMBA,
    "gemma2": {"attn_logit_softcapping": 2.0},
    "gemma3_text": NARROW_FIRST,
    "gemma4_text": NARROW_FIRST | {"vocab_size_per_layer_input": 96, "hidden_size_per_layer_input": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 8},
    "granitemoehybrid": MAMBA | LINEAR_FIRST | {"shared_intermediate_size": 16},
    "inkling2_text": RELATIVE,
    "inkling_text": RELATIVE,
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_dt_rank": 4, "mamba_d_state": 4},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "minimax": {"layer_types": ["linear_attention", "full_attention"], "block_size": 8},
    "opt": {"ffn_dim": 32, "word_embed_proj_dim": 32},
    "qwen3_next": LINEAR | LINEAR_FIRST,
    "recurrent_gemma": {"block_types": ["recurrent", "attention"], "lru_width": 32},
    "youtu": LATENT | {"num_key_value_heads": 4, "head_dim": None},
}
"""Settings that an architecture needs besides the common ones, or None where it does not take one of these."""

DECODERS = tuple(
    """
    afmoe apertus arcee aria_text bamba biogpt bitnet bloom codegen cohere cohere2 ctrl cwm deepseek_v2 deepseek_v3
    diffllama doge dots1 ernie4_5 ernie4_5_moe exaone4 falcon falcon_h1 flex_olmo gemma gemma2 gemma3_text
    gemma4_text glm glm4 glm4_moe gpt2 gpt_bigcode gpt_neo gpt_neox gpt_neox_japanese gpt_oss gptj granite
    granitemoe granitemoehybrid granitemoeshared helium hunyuan_v1_dense hunyuan_v1_moe inkling2_text inkling_text
    jamba jetmoe lfm2 lfm2_moe llama llama4_text mamba minimax minimax_m2 ministral ministral3 mistral mixtral mpt
    nanochat nemotron olmo olmo2 olmo3 olmoe openai-gpt opt persimmon phi phi3 phimoe qwen2 qwen2_moe qwen3
    qwen3_moe qwen3_next recurrent_gemma rwkv seed_oss smollm3 solar_open stablelm starcoder2 vaultgemma xglm youtu
    """.split()  # noqa: SIM905
)
"""Decoders, by the name that transformers gives their configuration."""

ENCODERS = tuple(
    """
    albert bert camembert convbert data2vec-text deberta-v2 distilbert electra ernie esm eurobert layoutlm
    megatron-bert modernbert mpnet nomic_bert rembert roberta roberta-prelayernorm roformer xlm-roberta
    """.split()  # noqa: SIM905
)
"""Encoders, likewise."""


def tiny_model(name: str, **more: Any) -> PreTrainedModel:
    """A tiny random model.

    Args:
        name: Name of the architecture's configuration, such as "llama".
        more: Settings of the configuration besides the usual ones.

    Returns:
        The model, in evaluation mode; the same weights every time.
    """
    settings = SIZES | OTHERS.get(name, {}) | more
    config = CONFIG_MAPPING[name](**{key: value for key, value in settings.items() if value is not None})
    torch.manual_seed(0)
    model = (AutoModelForMaskedLM if name in ENCODERS else AutoModelForCausalLM).from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * CALMER.get(name, NOISE))
    return model
