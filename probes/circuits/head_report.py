"""What the weights of one head say, as lines for people."""

from collections.abc import Iterator, Sequence

from probes.circuits.composed_pairs import Pair
from probes.circuits.direction_tokens import NamedDirection, Pole
from probes.circuits.of_head import HeadCircuits, Partners, Share


def head_lines(found: HeadCircuits) -> Iterator[str]:
    """The report on one head.

    Args:
        found: What was read.

    Yields:
        Lines without their ends.
    """
    tied = ", misleading where embeddings are tied, as here" if found.has_tied_embeddings else ""
    yield f"{found.head} of {found.model}, from its weights alone"
    yield ""
    yield f"copies what it attends to      {_share(found.copying)}"
    yield f"lowers what it attends to      {_share(found.suppression)}"
    yield f"looks for the same token       {_share(found.self_matching)}"
    yield f"raises the next of a series    {_succession(found)}"
    yield f"eigenvalues of the OV circuit  {found.eigenvalue_ratio:+.2f} from -1 to 1{tied}"
    yield from _directions("OV circuit: reads → raises", found.ov)
    yield from _directions("QK circuit: query → key", found.qk)
    for kind, partners in found.partners.items():
        yield from _partners(kind, partners)


def _share(share: Share) -> str:
    return f"{share.found:.1%} of {share.n_asked} tokens (chance {share.chance:.2%})"


def _succession(found: HeadCircuits) -> str:
    if found.succession_score is None:
        return "no series is made of single tokens here"
    series = ", ".join(f"{name} {share.found:.0%}" for name, share in found.succession.items())
    return f"{found.succession_score:.1%} ({series})"


def _directions(title: str, directions: Sequence[NamedDirection]) -> Iterator[str]:
    if directions:
        yield ""
        yield title
    for direction in directions:
        yield f"  {direction.share:.1%} of the circuit"
        for pole in direction.poles:
            yield f"    {_pole(pole)}"


def _pole(pole: Pole) -> str:
    return " → ".join(" ".join(map(repr, tokens)) for tokens in (pole.first, pole.second))


def _partners(kind: str, partners: Partners) -> Iterator[str]:
    yield ""
    yield f"{kind}-composition (random circuits {partners.baseline:.3f})"
    yield f"  reads    {_named([(str(pair.writer), pair) for pair in partners.reads_from])}"
    yield f"  read by  {_named([(str(pair.reader), pair) for pair in partners.read_by])}"


def _named(pairs: Sequence[tuple[str, Pair]]) -> str:
    return ", ".join(f"{name} {pair.score:.3f}" for name, pair in pairs) or "none"
