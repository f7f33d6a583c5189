"""A description that follows from the scores alone: no language model is asked."""

from catalog.head_operations import Description, HeadRelation
from probes.relations.describers.base import Evidence

MOST_NAMED = 3
"""Relations that a description names."""


class RuleDescriber:
    """Names the relations that call the head, the highest score first, or says that there is none."""

    def describe(self, evidence: Evidence) -> Description:
        """A description by rule."""
        called = [one for one in evidence.relations if one.is_called]
        if not called:
            return Description(
                text="No clear operation: no relation of the catalogue calls this head.", is_generated=False
            )
        more = len(called) - MOST_NAMED
        rest = f"; and {more} more" if more > 0 else ""
        return Description(text="; ".join(map(_sentence, called[:MOST_NAMED])) + rest + ".", is_generated=False)


def _sentence(one: HeadRelation) -> str:
    verb, end = ("Writes", "top") if one.sign == "writes" else ("Suppresses", "bottom")
    baselines = f"no head {one.no_head:.0%}, best of {one.n_random} random maps {one.best_random:.0%}"
    share = f"{one.score:.0%} of {one.n_pairs} pairs in the {end} {one.k}"
    return f"{verb} the target of {one.relation} ({share}; {baselines})"
