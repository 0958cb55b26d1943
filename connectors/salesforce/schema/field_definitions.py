"""Ids of fields that outlive a rename."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.salesforce.connection.client import SalesforceClient
from connectors.salesforce.connection.errors import MissingField, MissingObject, RequestRefused


def durable_ids(client: SalesforceClient, object_name: str) -> Mapping[str, str] | None:
    """Field name -> DurableId of all fields defined on an object, hidden ones included; one call.

    None where the user may not read FieldDefinition, or it holds none of the object.
    """
    soql = (
        "SELECT DurableId, QualifiedApiName, DataType FROM FieldDefinition "
        f"WHERE EntityDefinition.QualifiedApiName = '{object_name}'"
    )
    try:
        reply = client.call("GET", "query", params={"q": soql}).json()
    except (MissingObject, MissingField, RequestRefused):
        return None
    found = {row["QualifiedApiName"]: row["DurableId"] for row in reply["records"]}
    # It holds at most 2,000 rows and gives no further page: half a list would call fields gone.
    return found if found and reply["done"] else None
