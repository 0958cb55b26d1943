"""Workplaces: a sandbox over HTTP and a data folder of its own, as a data team would have them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from connectors.sandbox.process import start
from tests.nightly.harness import GYAKUSAN, Workplace, clean_environment

MakeWorkplace = Callable[..., Workplace]


@pytest.fixture(scope="session")
def make_workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeWorkplace]:
    """Fill an org by ``gyakusan sandbox`` and serve it; everything is stopped at the end of the session."""
    with ExitStack() as stack:

        def make(name: str, *filling: str, now: str, **extra: str) -> Workplace:
            folder = tmp_path_factory.mktemp(name)
            org = folder / "org.duckdb"
            filled = subprocess.run(
                [str(GYAKUSAN), "sandbox", "--org", str(org), *filling, "--no-serve"],
                env=clean_environment(GYAKUSAN_DATA_DIR=str(folder)),
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert filled.returncode == 0, filled.stderr
            (folder / "filling.txt").write_text(filled.stdout)
            sandbox = stack.enter_context(start(org, clock=datetime.fromisoformat(now)))
            return Workplace(
                folder, sandbox.url, sandbox.client_id, sandbox.client_secret, {"GYAKUSAN_NOW": now, **extra}
            )

        yield make


@pytest.fixture(scope="session")
def generated(make_workplace: MakeWorkplace) -> Workplace:
    """The generated organisation after its first night."""
    workplace = make_workplace("generated org", "--generate", now="2026-10-15T05:00:00+09:00")
    first = workplace.night()
    (workplace.folder / "first_night.txt").write_text(first.stdout)
    return workplace


@pytest.fixture(scope="session")
def demo_org(make_workplace: MakeWorkplace, demo_org_source: Path) -> Workplace:
    """The exported demo org after its first night."""
    mapping = Path(__file__).parents[1] / "datasets" / "demo_org_map.toml"
    workplace = make_workplace(
        "demo org",
        "--load",
        str(demo_org_source),
        "--map",
        str(mapping),
        now="2023-01-01T05:00:00+00:00",
        GYAKUSAN_REQUIRE_QUOTAS="false",
    )
    workplace.night()
    return workplace


@pytest.fixture(scope="session")
def maven(
    make_workplace: MakeWorkplace, maven_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Workplace:
    """The Maven CRM data, as of its last day, clock starting at the engage date."""
    from tests.datasets.maven import write_maven_csv

    csv_folder = tmp_path_factory.mktemp("maven csv")
    write_maven_csv(maven_source, csv_folder)
    workplace = make_workplace(
        "maven",
        "--load",
        str(csv_folder),
        now="2018-01-01T05:00:00+00:00",
        GYAKUSAN_CLOCK_STAGE_NAME="Engaging",
        GYAKUSAN_REQUIRE_QUOTAS="false",
        GYAKUSAN_COUNTRY_CODE="US",
    )
    workplace.night("--window", "2017-02-28..2017-12-31", "--window", "2017-03-31..2017-12-31")
    return workplace
