"""`python -m connectors.sandbox ORG [--port N] …`: serves an org; used by process.start."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.abc import MetaPathFinder
from pathlib import Path

from connectors.sandbox.errors import SalesforceError, SandboxError
from connectors.sandbox.faults.faults import parse_fault
from connectors.sandbox.login.access import (
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    DEFAULT_DAILY_REQUESTS,
    SECRET_VARIABLE,
)
from connectors.sandbox.serving import ServeOptions, serve


def _options(arguments: list[str]) -> tuple[Path, ServeOptions]:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    parser.add_argument("org", type=Path, help="the org's file; made when there is none")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--clock", type=datetime.fromisoformat, help="freeze the clock at this instant")
    parser.add_argument("--client-id", default=DEFAULT_CLIENT_ID)
    parser.add_argument("--daily-requests", type=int, default=DEFAULT_DAILY_REQUESTS)
    parser.add_argument(
        "--certificate", type=_pem, default=b"", help="PEM certificate or public key that verifies JWT logins"
    )
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], help="NAME[,option=value…]; repeatable"
    )
    parser.add_argument("--parent", type=int, help="stop when this process is gone")
    given = parser.parse_args(arguments)
    clock = given.clock if given.clock is None or given.clock.tzinfo else given.clock.replace(tzinfo=UTC)
    secret = os.environ.get(SECRET_VARIABLE, DEFAULT_CLIENT_SECRET)
    return given.org, ServeOptions(
        given.port, clock, given.client_id, secret, given.certificate, given.daily_requests, given.parent,
        tuple(given.fault),
    )  # fmt: skip


def _fault(text: str) -> Mapping[str, object]:
    try:
        return parse_fault(text)
    except SalesforceError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _pem(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {error.strerror}") from error


class _WithoutPandas(MetaPathFinder):
    """Makes pandas look not installed: DuckDB would import it (a second) on the first bound parameter for nothing."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is of no use to the sandbox", name=name)


def main(arguments: list[str]) -> int:
    """Exit code 0 after a clean stop, 1 with one line on standard error when the server cannot start."""
    sys.meta_path.insert(0, _WithoutPandas())
    path, options = _options(arguments)
    try:
        serve(path, options, _announce)
    except SandboxError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
