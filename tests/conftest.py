"""What all tests share: where real data lies, and that nothing touches a developer's own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test is timed: machines are shared and noisy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

CHECKOUT = Path(__file__).resolve().parents[1]
SHARED_DATA = Path(os.environ.get("GYAKUSAN_SHARED_DATA", CHECKOUT.parent / "shared" / "data"))


def shared_data(name: str) -> Path:
    """A folder of real data; the calling test is skipped by name where it is absent."""
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f"real data {name} is not at {folder} (set GYAKUSAN_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def maven_source() -> Path:
    return shared_data("maven_crm")


@pytest.fixture(scope="session")
def demo_org_source() -> Path:
    return shared_data("salesforce_demo_org")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GYAKUSAN_") and name != "GYAKUSAN_SHARED_DATA":
            monkeypatch.delenv(name)
