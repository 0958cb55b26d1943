"""Salesforce's error replies as one exception type."""

from __future__ import annotations


class SalesforceError(Exception):
    """One error as Salesforce words it: `code` (errorCode or statusCode), message, fields and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields

    def body(self) -> dict[str, object]:
        """As an element of a REST error list."""
        reply: dict[str, object] = {"message": self.message, "errorCode": self.code}
        return reply | {"fields": list(self.fields)} if self.fields else reply

    def row(self) -> dict[str, object]:
        """As an element of `errors` in a row of a collections reply."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


class SandboxError(Exception):
    """A problem of the sandbox itself, worded for the person who runs it: what, where, what to do."""


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    """404 NOT_FOUND."""
    return SalesforceError("NOT_FOUND", message, 404)
