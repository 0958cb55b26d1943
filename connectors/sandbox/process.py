"""A sandbox as a child process: started, waited for, stopped."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from connectors.sandbox.login.access import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, SECRET_VARIABLE

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class SandboxStartError(Exception):
    """The sandbox did not start; the message is its own one line."""


@dataclass
class SandboxProcess:
    """A running sandbox at `url` (loopback only). A context manager: leaving it stops the sandbox."""

    url: str
    client_id: str
    client_secret: str
    org_path: Path
    child: subprocess.Popen[str] = field(repr=False)
    errors: IO[str] = field(repr=False)

    def stop(self) -> None:
        """Asks the sandbox to stop, waits for its file to be closed; harmless when it has stopped already."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if self.child.stdout:
            self.child.stdout.close()
        self.errors.close()

    def __enter__(self) -> SandboxProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    org_path: Path,
    port: int = 0,
    clock: datetime | None = None,
    client_id: str = DEFAULT_CLIENT_ID,
    client_secret: str = DEFAULT_CLIENT_SECRET,
    daily_requests: int | None = None,
    certificate: Path | None = None,
    faults: Sequence[str] = (),
) -> SandboxProcess:
    """Starts a sandbox on 127.0.0.1 and returns once it answers. Port 0 picks a free one; `clock` freezes its clock;
    `certificate` is the PEM file (or public key) that JWT logins are verified by;
    `faults` are in force from the start, each as `NAME[,option=value…]`.

    Raises SandboxStartError (port in use, file held by another process, no answer in time).
    """
    command = [sys.executable, "-m", "connectors.sandbox", str(org_path), "--port", str(port)]
    command += ["--client-id", client_id, "--parent", str(os.getpid())]
    command += ["--clock", clock.isoformat()] if clock else []
    command += ["--certificate", str(certificate)] if certificate else []
    command += ["--daily-requests", str(daily_requests)] if daily_requests is not None else []
    command += [word for fault in faults for word in ("--fault", fault)]
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
    child = _spawn(command, client_secret, errors)
    url = _wait_until_ready(child, errors)
    return SandboxProcess(url, client_id, client_secret, org_path, child, errors)


def _spawn(command: Sequence[str], client_secret: str, errors: IO[str]) -> subprocess.Popen[str]:
    # The secret goes by the environment: command lines are readable by every user of the machine.
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, SECRET_VARIABLE: client_secret, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)


def _wait_until_ready(child: subprocess.Popen[str], errors: IO[str]) -> str:
    assert child.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        readable, _, _ = select.select([child.stdout], [], [], 0.2)
        line = child.stdout.readline() if readable else ""
        if line.startswith("ready "):
            return line.removeprefix("ready ").strip()
        if child.poll() is not None:
            break
    child.kill()
    child.wait()
    child.stdout.close()
    errors.seek(0)
    said = errors.read().strip().splitlines()
    errors.close()
    raise SandboxStartError(
        (said[-1] if said else "the sandbox gave no sign of life").removeprefix("error: ")
    )
