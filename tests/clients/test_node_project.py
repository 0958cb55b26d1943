"""Installing the Node clients: once per lock file, never half, and no failure passes for a success."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.conftest import installed_or_skipped
from tests.clients.node_project import NodeInstallError, NodeProject, install, npm


def _npm(folder: Path, script: str) -> str:
    """A stand-in for npm."""
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_without_npm_the_clients_are_skipped_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert npm() is None
    with pytest.raises(pytest.skip.Exception, match="npm is not installed: jsforce, the Salesforce CLI and"):
        installed_or_skipped()


def test_a_failed_install_is_an_error_and_leaves_nothing_to_be_taken_for_one(tmp_path: Path) -> None:
    failing = _npm(tmp_path, "mkdir node_modules; echo registry out of reach >&2; exit 7")
    with pytest.raises(NodeInstallError, match="npm ci failed with 7: registry out of reach"):
        install(failing, tmp_path / "node")
    working = _npm(tmp_path, 'mkdir node_modules; echo "$@" >> ../calls')
    project = install(working, tmp_path / "node")
    assert project.modules.is_dir()
    assert install(working, tmp_path / "node") == project
    calls = (tmp_path / "node" / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].startswith("ci --ignore-scripts")


def test_the_clients_run_on_the_locked_node(node: NodeProject, tmp_path: Path) -> None:
    program = tmp_path / "version.cjs"
    program.write_text(
        "process.stdout.write(JSON.stringify([process.version, Object.keys(process.env).sort()]))"
    )
    done = node.run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('["v22.')
    assert done.stdout.endswith('["NODE_PATH","PATH"]]')
