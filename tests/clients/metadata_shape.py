"""Checks metadata files against the shape of their types: Salesforce's WSDL, as jsforce carries it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.clients.org_package import NAMESPACE

Schema = Mapping[str, Mapping[str, Any]]


def problems(file: Path, schema: Schema) -> list[str]:
    """What is wrong in a file in metadata format: elements unknown, missing, repeated, or of the wrong type."""
    root = ElementTree.parse(file).getroot()
    return list(_problems(root, root.tag.removeprefix(NAMESPACE), schema))


def _problems(element: ElementTree.Element, kind: str, schema: Schema) -> Iterator[str]:
    if kind not in schema:
        yield f"{kind} is no metadata type"
        return
    shape = _shape(kind, schema)
    names = Counter(child.tag.removeprefix(NAMESPACE) for child in element)
    for name, child_kind in shape.items():
        if isinstance(child_kind, str) and not child_kind.startswith("?") and not names[name]:
            yield f"{kind} lacks {name}"
    for name, times in names.items():
        if times > 1 and isinstance(shape.get(name), str):
            yield f"{kind} has {name} {times} times"
    for child in element:
        yield from _child_problems(child, kind, shape, schema)


def _child_problems(
    child: ElementTree.Element, kind: str, shape: Mapping[str, Any], schema: Schema
) -> Iterator[str]:
    name = child.tag.removeprefix(NAMESPACE)
    if name not in shape:
        yield f"{kind} has no {name}"
        return
    declared = shape[name]
    child_kind = str(declared[0] if isinstance(declared, list) else declared).lstrip("?")
    if child_kind in schema:
        yield from _problems(child, child_kind, schema)
    elif len(child):
        yield f"{kind}.{name} is {child_kind} and holds elements"
    elif child_kind == "boolean" and child.text not in ("true", "false"):
        yield f"{kind}.{name} is no boolean: {child.text}"
    elif child_kind == "number" and not (child.text or "").isdigit():
        yield f"{kind}.{name} is no number: {child.text}"


def _shape(kind: str, schema: Schema) -> dict[str, Any]:
    declared = schema[kind]
    inherited = _shape(declared["extends"], schema) if declared.get("extends") in schema else {}
    return {**inherited, **declared["props"]}
