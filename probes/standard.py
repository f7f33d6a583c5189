"""Settings of the standard run, which data/runs holds for every model; free of torch, so that --help may show them."""

HALF_LENGTH = 50
"""Random tokens that are repeated."""

N_SAMPLES = 32
"""Random samples that the scores are means over."""

SEED = 0
"""Seed of the random tokens and of the null."""

DTYPE = "float32"
"""Number format of the weights while measuring."""

DTYPE_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""Short names of number formats."""
