"""Running the sandbox's HTTP server in this process."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from connectors.sandbox.app import SandboxApp
from connectors.sandbox.errors import SandboxError
from connectors.sandbox.login.access import (
    DEFAULT_CLIENT_ID,
    DEFAULT_CLIENT_SECRET,
    DEFAULT_DAILY_REQUESTS,
    RequestCount,
    Tokens,
)
from connectors.sandbox.login.assertions import verifying_key
from connectors.sandbox.records.starting_rows import INTEGRATION_USERNAME
from connectors.sandbox.records.store import Org
from connectors.sandbox.server import Server

HOST = "127.0.0.1"
"""The only address the sandbox listens on: it has no protection worth the name."""


@dataclass(frozen=True)
class ServeOptions:
    """How to serve an org; port 0 picks a free one, clock freezes the org's clock, parent_process_id ends with it.

    `public_key` is the PEM certificate or public key by which JWT logins are verified; without one there are none. `faults` are in
    force from the start (see faults.KINDS).
    """

    port: int = 0
    clock: datetime | None = None
    client_id: str = DEFAULT_CLIENT_ID
    client_secret: str = field(default=DEFAULT_CLIENT_SECRET, repr=False)
    public_key: bytes = field(default=b"", repr=False)
    daily_requests: int = DEFAULT_DAILY_REQUESTS
    parent_process_id: int | None = None
    faults: tuple[Mapping[str, object], ...] = ()


def notice(url: str, options: ServeOptions) -> str:
    """What to tell the person who started the sandbox: where it is, who can reach it, how to log in."""
    return (
        f"Salesforce sandbox at {url}, reachable from this machine only; "
        f"client id {options.client_id}, client secret {options.client_secret} (also the password of every user, "
        f"{INTEGRATION_USERNAME} among them)"
    )


def system_clock() -> datetime:
    """The machine's clock, read nowhere else in the sandbox."""
    return datetime.now(UTC)


def serve(
    org_path: Path, options: ServeOptions | None = None, announce: Callable[[str], None] = print
) -> None:
    """Serves an org until interrupted. `announce` is told the URL once the server is ready to be asked.

    Raises SandboxError when the port is in use, the org file cannot be opened or the certificate is none.
    """
    options = options or ServeOptions()
    public_key = verifying_key(options.public_key) if options.public_key else b""
    listener = _listen(options.port)
    org = Org(org_path, system_clock)
    if options.clock:
        org.set_clock(options.clock)
    org.prepare()
    tokens = Tokens(options.client_id, options.client_secret, public_key)
    server = Server(org, tokens, system_clock, RequestCount(options.daily_requests))
    server.faults.replace(options.faults)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    try:
        _run(SandboxApp(server), listener, options, lambda: announce(url))
    finally:
        server.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise SandboxError(
            f"port {port} of {HOST} is in use: choose another with --port, or 0 for a free one"
        ) from error
    listener.listen(128)
    return listener


def _run(app: SandboxApp, listener: socket.socket, options: ServeOptions, ready: Callable[[], None]) -> None:
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        date_header=False,
    )
    runner = _Runner(config, ready)
    if options.parent_process_id is not None:
        watcher = threading.Thread(
            target=_stop_without, args=(runner, options.parent_process_id), daemon=True
        )
        watcher.start()
    runner.run(sockets=[listener])


class _Runner(uvicorn.Server):
    """A uvicorn server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ends the server on a signal without raising it again afterwards: the org's file is still to be closed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _stop_without(runner: uvicorn.Server, parent_process_id: int) -> None:
    """Ends the server when the process that started it is gone."""
    while os.getppid() == parent_process_id:
        time.sleep(0.5)
    runner.should_exit = True
