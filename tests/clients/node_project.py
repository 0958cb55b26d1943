"""The locked Node project of the client tests: installed once per lock file, beside the Python environment."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

PROJECT = Path(__file__).with_name("node")
INSTALL_SECONDS = 500
CALL_SECONDS = 120
# npm's own scripts stay unrun: none of the packages needs one, and a test machine should run no stranger's installer.
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


class NodeInstallError(Exception):
    """npm is there and the locked packages could not be installed; the message is npm's own."""


@dataclass(frozen=True)
class NodeProject:
    """An installed `node_modules` folder, run with the Node version it holds itself."""

    modules: Path

    @property
    def binary(self) -> Path:
        return self.modules / ".bin" / "node"

    def run(
        self,
        program: Path,
        arguments: Sequence[str] = (),
        *,
        given: object = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """One program, with `given` as JSON on its standard input: secrets stay off the command line."""
        # Nothing of this process's own environment comes along: no proxy, no token, no settings.
        clean = {"PATH": f"{self.binary.parent}{os.pathsep}{os.defpath}", "NODE_PATH": str(self.modules)}
        return subprocess.run(
            [str(self.binary), str(program), *arguments],
            input=json.dumps(given),
            env={**clean, **(environment or {})},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )

    def answer(self, script: str, given: object) -> Any:
        """The JSON a script of the project prints. Raises AssertionError with what it said when it fails."""
        done = self.run(PROJECT / script, given=given)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)


def npm() -> str | None:
    """Where npm is, if it is."""
    return shutil.which("npm")


def install(npm_path: str, parent: Path | None = None) -> NodeProject:
    """The installed project; a second call with the same lock file installs nothing. Raises NodeInstallError."""
    parent = parent or Path(sys.prefix) / "node"
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / _fingerprint()
    with FileLock(parent / "lock"):
        if not folder.is_dir():
            _install(npm_path, folder)
    return NodeProject(folder / "node_modules")


def _fingerprint() -> str:
    locked = (PROJECT / name for name in ("package.json", "package-lock.json"))
    return hashlib.sha256(b"".join(each.read_bytes() for each in locked)).hexdigest()[:16]


def _install(npm_path: str, folder: Path) -> None:
    for earlier in folder.parent.iterdir():
        if earlier.is_dir():
            shutil.rmtree(earlier)
    partial = folder.with_suffix(".partial")
    partial.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PROJECT / name, partial)
    done = subprocess.run(
        [npm_path, *INSTALL],
        cwd=partial,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise NodeInstallError(f"npm ci failed with {done.returncode}: {done.stderr[-2000:]}")
    # Renamed when whole: a folder by its final name is always a finished install.
    partial.rename(folder)
