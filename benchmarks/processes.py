"""What the benchmarks share: one measurement in a process of its own, and how much memory that process took."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

Result = dict[str, Any]


def in_fresh_process(script: str, *arguments: object) -> Result:
    """Run a script in a process of its own.

    Args:
        script: Its file; the last line that it prints is JSON.
        arguments: For its command line.

    Returns:
        What it printed last.
    """
    # One arena and no caching of freed memory, so that the peak is what was asked for.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))} failed:\n{done.stderr}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def memory(field: str, *, reset_peak: bool = False) -> float:
    """Resident memory of this process in MiB, as the kernel counts it; Linux only.

    Args:
        field: "VmRSS" for what is in use, "VmHWM" for the peak.
        reset_peak: Let the peak start again from what is in use.

    Returns:
        MiB.
    """
    if reset_peak:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def transformer_lens_model(model: Any) -> Any:
    """A model of ours as TransformerLens sees it.

    Args:
        model: From load_model.

    Returns:
        The bridge.
    """
    from transformer_lens.model_bridge import TransformerBridge

    hub_id, tokenizer = model.record.hub_id, model.tokenizer
    return TransformerBridge.boot_transformers(hub_id, hf_model=model.module, tokenizer=tokenizer, device="cpu")
