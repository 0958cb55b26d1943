"""SOAP envelopes, as far as login needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.responses import Response

from connectors.sandbox.errors import SalesforceError

_XML_TYPE = "text/xml;charset=UTF-8"
_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" '
    'xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
)
_CLOSING = "</soapenv:Body></soapenv:Envelope>"


@dataclass(frozen=True)
class SoapRequest:
    """The operation of an envelope and every simple value in it, header included, by element name."""

    operation: str
    values: Mapping[str, str]


def parse(body: bytes) -> SoapRequest:
    """An envelope taken apart; namespaces do not matter. SalesforceError when it is none."""
    # A document type is how XML is made to explode, and no SOAP message may have one.
    if b"<!DOCTYPE" in body:
        raise SalesforceError("INVALID_REQUEST", "a document type is not allowed in a SOAP message")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise SalesforceError("INVALID_REQUEST", f"not an XML document: {error}") from error
    operation = next((child for part in root if _name(part) == "Body" for child in part), None)
    if operation is None:
        raise SalesforceError("INVALID_REQUEST", "the envelope has no operation in its body")
    values = {_name(each): (each.text or "").strip() for each in root.iter() if len(each) == 0}
    return SoapRequest(_name(operation), values)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def elements(**values: object) -> str:
    """Elements by name, their texts escaped; nothing as an empty one."""
    return "".join(
        f"<{name}>{escape(str(value if value is not None else ''))}</{name}>"
        for name, value in values.items()
    )


def reply(content: str) -> Response:
    """An envelope around XML that is ready."""
    return Response((_OPENING + content + _CLOSING).encode(), media_type=_XML_TYPE)


def fault(code: str, message: str) -> Response:
    """A SOAP fault, HTTP 500 as Salesforce sends it."""
    kind = "LoginFault" if code == "INVALID_LOGIN" else "UnexpectedErrorFault"
    content = (
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {escape(message)}</faultstring>"
        f'<detail><sf:{kind} xsi:type="sf:{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{escape(message)}</sf:exceptionMessage></sf:{kind}></detail></soapenv:Fault>"
    )
    return Response((_OPENING + content + _CLOSING).encode(), 500, media_type=_XML_TYPE)
