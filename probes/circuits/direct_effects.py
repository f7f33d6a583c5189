"""Direct effects of heads on the logits: what their outputs add by way of the final norm and the unembedding alone.

Source: elhage-2021-framework.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from probes.weights import ModelWeights


def direct_effects(
    weights: ModelWeights,
    z: Float[Tensor, "sample layer head row d_value"],
    residual: Float[Tensor, "sample row d_model"],
    direction: Float[Tensor, "sample row d_model"],
) -> Float[Tensor, "sample layer head row"]:
    """Effect of every head's output on logits, by the direct path through the final norm and the unembedding.

    Args:
        weights: The model's weights.
        z: Head outputs before W_O, as read by HeadOutput.
        residual: Final residual stream at the same positions, as read by FinalResidual; it freezes the norm's scale.
        direction: Direction in front of the unembedding, such as direction(answer) - direction(other).

    Returns:
        In logits; over all heads, other components and the embedding they add up to the logit itself. Layers whose z
        is not a number give no number.

    Source:
        elhage-2021-framework. The scale of the final norm is that of the clean run.
    """
    device = weights.W_U.device
    norm, scale = weights.final_norm, weights.final_norm.scale(residual.to(device))[:, None]
    effects = []
    for layer in range(z.shape[1]):
        z_of_layer = z[:, layer].to(device)
        if z_of_layer.isnan().any():
            effects.append(z_of_layer[..., 0] * torch.nan)
            continue
        written = norm.linear(weights.layer(layer).head_outputs(z_of_layer), scale)
        effects.append((written * direction.to(device)[:, None]).sum(-1))
    return torch.stack(effects, dim=1).cpu()
