"""The org package's files, and what the code says they have to hold."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from connectors.salesforce.schema.objects import OBJECTS

NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
PACKAGE = Path(__file__).resolve().parents[2] / "connectors" / "salesforce" / "metadata"
FIELDS = PACKAGE / "force-app/main/default/objects/Activity/fields"
TRANSLATIONS = PACKAGE / "translations/main/default/objectTranslations/Activity-ja"


def texts(element: ElementTree.Element, path: str) -> list[str]:
    return [
        each.text or "" for each in element.findall("/".join(NAMESPACE + name for name in path.split("/")))
    ]


def field(name: str) -> ElementTree.Element:
    return ElementTree.parse(FIELDS / f"{name}.field-meta.xml").getroot()


def own_fields() -> dict[str, str]:
    task = next(each for each in OBJECTS if each.name == "Task")
    return {name: kind for name, kind in task.fields.items() if name.endswith("__c")}
