"""First and second night on the generated organisation, and ``--help``, each beside its limit in seconds.

Run by ``make bench-night``; prints a table and judges nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GYAKUSAN = Path(sys.executable).parent / "gyakusan"


def seconds_of(*arguments: str, folder: str) -> tuple[float, str]:
    """Wall seconds of one command, and what it printed."""
    started = time.perf_counter()
    finished = subprocess.run(
        [str(GYAKUSAN), *arguments],
        env={**os.environ, "GYAKUSAN_DATA_DIR": folder},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, finished.stdout


def main() -> None:
    """Print limit, seconds and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        helped, _ = seconds_of("--help", folder=folder)
        first, _ = seconds_of("demo", folder=folder)
        second, printed = seconds_of("demo", folder=folder)
    rows = [("gyakusan --help", helped, 1.0), ("first night", first, 120.0), ("second night", second, 30.0)]
    print(f"{'what':<18}{'seconds':>9}{'limit':>8}{'ratio':>8}")
    for what, spent, limit in rows:
        print(f"{what:<18}{spent:>9.1f}{limit:>8.0f}{spent / limit:>8.2f}")
    print("\n".join(line for line in printed.splitlines() if "tasks written" in line or line.endswith(" s")))


if __name__ == "__main__":
    main()
