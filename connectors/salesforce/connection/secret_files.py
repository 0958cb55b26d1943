"""Secrets kept in files of their own: a private key, and a refresh token that the org replaces whenever it is used."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from connectors.salesforce.connection.errors import WrongCredentials


def read_secret(path: Path, what: str, variable: str) -> str:
    """The text of a file. Raises WrongCredentials naming file and variable, never what the file holds."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no plain text"
        raise WrongCredentials(
            f"the {what} cannot be read: {reason}",
            where=str(path),
            remedy=f"name a readable file in {variable}",
        ) from None
    return text


def replace_secret(path: Path, text: str, what: str, variable: str) -> None:
    """Puts a new text in a file's place, whole or not at all, readable by its owner only.

    Raises WrongCredentials when it cannot be written.
    """
    try:
        descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except OSError as error:
        raise WrongCredentials(
            f"the new {what} cannot be kept: {error.strerror}",
            where=str(path),
            remedy=f"name a file in {variable} that can be written, and authorize the app again",
        ) from None
