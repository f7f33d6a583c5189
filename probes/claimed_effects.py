"""Ablations that papers make claims about: which they are, and how one is measured from a head type's name."""

from catalog.effects import EffectRun
from catalog.models import EffectClaim, HeadType
from catalog.registry import Registry
from probes import effects
from probes.ablation import ablate
from probes.adapters.base import ProbedModel
from probes.service import run


def claimed_effects(registry: Registry) -> list[tuple[str, str]]:
    """Head types and the effects that papers claim of ablating their heads, as far as an effect measures them.

    Args:
        registry: The papers.

    Returns:
        Head type and effect, in alphabetical order.
    """
    claims = (claim for paper in registry.papers.values() for claim in paper.claims)
    found = {(claim.head_type, claim.effect) for claim in claims if isinstance(claim, EffectClaim) and claim.effect}
    return sorted(found)


def ablate_type(model: ProbedModel, head_type: HeadType, effect: str, *, progress: bool = True) -> EffectRun | None:
    """Ablate the heads that the first detector of a head type calls.

    Args:
        model: From load_model.
        head_type: The head type; it must have a detector.
        effect: Name of the effect.
        progress: Show progress bars on standard error.

    Returns:
        The record, or None if the detector calls no head of this model.

    Raises:
        UnknownEffectError: there is no such effect.
        ProbeError: the model cannot be measured or its heads cannot be replaced.
    """
    chosen_by = head_type.detectors[0]
    called = run(model, chosen_by, progress=progress)[chosen_by].run.called()
    if not called:
        return None
    return ablate(model, called, effects.load(effect), head_type=head_type.id, chosen_by=chosen_by, progress=progress)
