"""Errors, nulls and false-discovery control: what stands beside every score."""

import math

import numpy as np
import torch
from scipy.special import stdtr
from scipy.stats import false_discovery_control

from probes.shapes import LayerHead, SampleScores

FALSE_DISCOVERY_RATE = 0.05
"""Rate over all heads of a model at which a head may be called."""


def mean_and_standard_error(samples: SampleScores) -> tuple[LayerHead, LayerHead]:
    """Mean over samples and its standard error.

    Args:
        samples: Shape (sample, layer, head), at least two samples.

    Returns:
        Means and standard errors, shape (layer, head) each.
    """
    return samples.mean(0), samples.std(0, correction=1) / math.sqrt(samples.shape[0])


def q_values(samples: SampleScores, null_samples: SampleScores) -> LayerHead:
    """Smallest false-discovery rate at which each head beats its null.

    One-sided paired t-test of score against null over samples, then Benjamini and Hochberg's procedure over all heads
    of the model that have a score. A difference that is the same in every sample counts as certain.

    Args:
        samples: Scores, shape (sample, layer, head); not a number where a head has no score.
        null_samples: The same measure under the null on the same samples, same shape.

    Returns:
        Shape (layer, head), from 0 to 1; not a number where a head has no score.
    """
    mean, error = mean_and_standard_error((samples - null_samples).double())
    certain = torch.where(mean > 0, torch.inf, -torch.inf)
    t_values = torch.where(error > 0, mean / error.clamp(min=torch.finfo(error.dtype).tiny), certain)
    present = mean.isfinite()
    p_values = stdtr(samples.shape[0] - 1, -t_values[present].numpy())
    adjusted = torch.full_like(mean, torch.nan)
    adjusted[present] = torch.from_numpy(false_discovery_control(np.asarray(p_values), method="bh"))
    return adjusted
