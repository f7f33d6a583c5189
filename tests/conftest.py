"""What tests of every folder share: the real catalogue and the demo model, loaded once, and the order of long tests."""

import os

import pytest

LONG = ("built", "demo", "browser")
"""Fixtures that take long to make, and so do the tests that use them; files come in order of the last one they need."""


def pytest_collection_modifyitems(items):
    """Start with the files that take longest, so that at the end no worker is alone with one of them."""
    last: dict[object, int] = {}
    for item in items:
        found = [LONG.index(name) for name in LONG if name in getattr(item, "fixturenames", ())]
        last[item.path] = max([*found, last.get(item.path, -1)])
    items.sort(key=lambda item: last[item.path] if last[item.path] >= 0 else len(LONG))


@pytest.fixture(scope="session")
def catalogue():
    """The real catalogue; no test may change it."""
    from catalog.registry import Registry

    return Registry.load()


@pytest.fixture(scope="session")
def demo():
    """The demo model; in CI it must be installed."""
    from probes import load_model
    from probes.errors import ModelNotFoundError

    try:
        return load_model("demo")
    except ModelNotFoundError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI runs with the demo model: {error}")
        pytest.skip(str(error))
