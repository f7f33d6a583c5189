"""Words and numbers as the pages print them."""

from __future__ import annotations

from decimal import Decimal

from catalog.experiment_claims import claimed_range
from catalog.experiments import Metric
from catalog.ids import HeadName
from catalog.models import BaseClaim, EffectClaim, ExperimentClaim, HeadsClaim, ShareClaim, UntestableClaim
from catalog.runs import ProbeRun
from catalog.texts import minus

N_TOP = 10
N_TOP_UNCALLED = 5


def top_heads(run: ProbeRun) -> list[HeadName]:
    """Strongest called heads; where none is called, the strongest ones."""
    return run.called()[:N_TOP] or run.ranked()[:N_TOP_UNCALLED]


def top_heads_title(run: ProbeRun) -> str:
    """What `top_heads` are, as the head of a table."""
    n_called, n_shown = len(run.called()), len(top_heads(run))
    if n_called == 0:
        return f"The {n_shown} highest scores; no head is called"
    if n_called == 1:
        return "The called head"
    return (
        f"The {n_called} called heads" if n_called == n_shown else f"The {n_shown} strongest of {n_called} called heads"
    )


def claim_form(claim: BaseClaim) -> str:
    """Form of a claim in words."""
    match claim:
        case HeadsClaim():
            source = " (not from the authors' own release)" if claim.evidence == "secondary" else ""
            found_on = f", found on {claim.found_on}" if claim.found_on else ""
            return (
                f"{len(claim.heads)} named {_counted(claim.unit, len(claim.heads))} in {claim.model}{found_on}{source}"
            )
        case ShareClaim():
            where = f"of the heads of {claim.model or 'any model'}"
            return f"from {percent(claim.at_least)} to {percent(claim.at_most)} {where}"
        case EffectClaim():
            size = "" if claim.at_least is None else f" by at least {claim.at_least:g} {claim.unit}"
            model = claim.model or "any model"
            return f"ablated in {model}: {claim.metric} {claim.direction}{size}, against random heads"
        case ExperimentClaim():
            subject = in_prose(spoken(claim.experiment))
            return f"experiment on {subject}, {claimed_range(claim)}. {sentence(claim.reading)}"
        case UntestableClaim():
            return f"no probe can check this. {sentence(claim.reason)}"
        case _:
            raise AssertionError(f"claim of an unknown form: {claim!r}")


def _counted(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def millions(count: int) -> str:
    """Count in millions, such as "135 million"."""
    return f"{count / 1e6:,.0f} million"


def plain(value: float) -> str:
    """Number as a paper prints it, with a true minus sign."""
    return minus(f"{value:g}")


def measured(metric: Metric) -> str:
    """Metric with four digits, and its standard deviation over the seeds where there is one."""
    spread = "" if metric.spread is None else f" ± {rounded(metric.spread, 2)}"
    unit = "" if metric.unit is None else f" {metric.unit}"
    return f"{rounded(metric.mean, 4)}{spread}{unit}"


def rounded(value: float, digits: int) -> str:
    """Number with so many significant digits; large ones are whole, never written with an exponent."""
    return minus(f"{value:.0f}" if abs(value) >= 10**digits else f"{Decimal(f'{value:.{digits}g}'):f}")


def spoken(name: str) -> str:
    """Name of an experiment as a heading, such as "Retrieval chain"."""
    return name.replace("_", " ").capitalize()


def rate(value: float) -> str:
    """Rate with three decimals; very small ones are said to be so."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent(share: float) -> str:
    """Share in per cent, such as "5 %"."""
    return f"{share * 100:g} %"


def in_prose(name: str) -> str:
    """Name inside a sentence: without its capital, unless that belongs to the word, as in "S-inhibition head"."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def sentence(text: str) -> str:
    """Text with a capital in front and a full stop behind."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def plural(name: str) -> str:
    """Name in the plural."""
    return name if name.endswith("s") else f"{name}s"


def with_article(name: str) -> str:
    """Name with "a" or "an"; a single letter in front is spoken as a letter, as in "an S-inhibition head"."""
    with_an = "aeiou" if name[1:2].islower() else "aefhilmnorsx"
    return f"{'an' if name[:1].lower() in with_an else 'a'} {name}"
