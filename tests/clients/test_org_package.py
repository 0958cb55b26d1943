"""The org package: resolved, converted and typed by Salesforce's own tools, and held to what the code reads and writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from connectors.salesforce.connection.client import API_VERSION
from connectors.sandbox.schema.picklists import PICKLISTS
from connectors.sandbox.schema.standard_objects import STANDARD_OBJECTS
from dagster_project.recommend.sync import KEY_LENGTH, REASON_LENGTH
from tests.clients.metadata_shape import problems
from tests.clients.node_project import PROJECT, NodeProject
from tests.clients.org_package import FIELDS, NAMESPACE, PACKAGE, TRANSLATIONS, field, own_fields, texts

DESCRIBED_TYPES = {"Text": "string", "Currency": "currency", "TextArea": "textarea", "Picklist": "picklist"}
LABEL_CHARACTERS = 40


@dataclass(frozen=True)
class Converted:
    """The package in metadata format, with what Salesforce's registry made of it."""

    folder: Path
    members: frozenset[tuple[str, str]]
    schema: Mapping[str, Mapping[str, Any]]


def convert(node: NodeProject, source: Path, target: Path) -> Converted:
    # Salesforce's own reader mends an element left open; a file of ours has to be whole.
    for file in source.rglob("*-meta.xml"):
        ElementTree.parse(file)
    project = json.loads((source / "sfdx-project.json").read_text())
    folders = [str(source / each["path"]) for each in project["packageDirectories"]]
    given = {"source": folders, "target": str(target), "apiVersion": project["sourceApiVersion"]}
    answer = node.answer("convert_metadata.cjs", given)
    return Converted(target, frozenset((kind, name) for kind, name in answer["members"]), answer["schema"])


@pytest.fixture(scope="module")
def converted(node: NodeProject, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert(node, PACKAGE, tmp_path_factory.mktemp("converted"))


def source_files() -> Iterator[Path]:
    return (each for each in PACKAGE.rglob("*-meta.xml"))


# resolved, converted, typed


def test_every_file_becomes_a_component_of_a_known_type(converted: Converted) -> None:
    kinds = {
        "field": ("CustomField", "Activity."),
        "listView": ("ListView", "Task."),
        "permissionset": ("PermissionSet", ""),
        "objectTranslation": ("CustomObjectTranslation", ""),
        "fieldTranslation": ("CustomFieldTranslation", "Activity-ja."),
    }
    named = (file.name.removesuffix("-meta.xml").split(".") for file in source_files())
    expected = {(kinds[suffix][0], kinds[suffix][1] + name) for name, suffix in named}
    assert converted.members == expected
    assert {kind for kind, _ in expected} == {kind for kind, _ in kinds.values()}


def test_the_manifest_names_every_component_at_the_connectors_version(converted: Converted) -> None:
    manifest = ElementTree.parse(converted.folder / "package.xml").getroot()
    named = {
        (texts(kind, "name")[0], member)
        for kind in manifest.findall(f"{NAMESPACE}types")
        for member in texts(kind, "members")
    }
    # Field translations travel inside the translation of their object.
    assert named == {each for each in converted.members if each[0] != "CustomFieldTranslation"}
    assert texts(manifest, "version") == [API_VERSION]


def test_what_is_deployed_has_the_shape_of_its_types(converted: Converted) -> None:
    files = [each for each in converted.folder.rglob("*") if each.is_file() and each.name != "package.xml"]
    assert len(files) == 5
    assert [fault for file in files for fault in problems(file, converted.schema)] == []


def test_a_file_with_an_element_left_open_is_refused(node: NodeProject, tmp_path: Path) -> None:
    file = _copy(tmp_path) / FIELDS.relative_to(PACKAGE) / "GyakusanActionKey__c.field-meta.xml"
    file.write_text(file.read_text().replace("</label>", ""))
    with pytest.raises(ElementTree.ParseError, match="mismatched tag"):
        convert(node, tmp_path / "package", tmp_path / "converted")


def test_a_file_of_no_known_type_is_refused(node: NodeProject, tmp_path: Path) -> None:
    folder = _copy(tmp_path) / FIELDS.relative_to(PACKAGE)
    (folder / "GyakusanReview__c.field-meta.xml").rename(folder / "GyakusanReview__c.feild-meta.xml")
    with pytest.raises(AssertionError, match="Could not infer a metadata type"):
        convert(node, tmp_path / "package", tmp_path / "converted")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("<externalId>true</externalId>", "<externalID>true</externalID>", "CustomField has no externalID"),
        ("<unique>true</unique>", "<unique>yes</unique>", "CustomField.unique is no boolean: yes"),
        ("<length>80</length>", "<length>eighty</length>", "CustomField.length is no number: eighty"),
        ("<length>80</length>", "<length>80</length><length>8</length>", "CustomField has length 2 times"),
    ],
)
def test_a_misspelt_element_is_found(
    converted: Converted, tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    text = (converted.folder / "objects" / "Activity.object").read_text()
    assert right in text
    spoilt = tmp_path / "Activity.object"
    spoilt.write_text(text.replace(right, wrong, 1))
    assert said in problems(spoilt, converted.schema)


def _copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / "package"))


# the fields


def test_the_packages_fields_are_those_the_connector_reads() -> None:
    packaged = {
        texts(ElementTree.parse(file).getroot(), "fullName")[0]: DESCRIBED_TYPES[
            texts(ElementTree.parse(file).getroot(), "type")[0]
        ]
        for file in FIELDS.iterdir()
    }
    assert packaged == own_fields()
    assert {file.name.removesuffix(".field-meta.xml") for file in FIELDS.iterdir()} == set(packaged)


@pytest.mark.parametrize("name", sorted(own_fields()))
def test_a_field_is_in_the_sandbox_as_it_is_in_the_package(name: str) -> None:
    packaged, described = field(name), STANDARD_OBJECTS["Task"].fields[name]
    assert described == STANDARD_OBJECTS["Event"].fields[name]
    assert DESCRIBED_TYPES[texts(packaged, "type")[0]] == described.type
    assert [text == "true" for text in texts(packaged, "externalId")] == [described.external_id]
    assert (texts(packaged, "unique") == ["true"]) == described.unique
    if described.type == "string":
        assert texts(packaged, "length") == [str(described.length)]
    values = texts(packaged, "valueSet/valueSetDefinition/value/fullName")
    assert tuple(values) == PICKLISTS.get(described.picklist, ())


def test_the_key_can_be_upserted_by_and_holds_every_key() -> None:
    key = field("GyakusanActionKey__c")
    assert [texts(key, name) for name in ("externalId", "unique", "caseSensitive")] == [["true"]] * 3
    assert texts(key, "length") == [str(KEY_LENGTH)]


def test_a_reason_fits_a_text_area() -> None:
    # Activities have no long text area; the short one is of one length.
    assert texts(field("GyakusanReason__c"), "type") == ["TextArea"]
    assert STANDARD_OBJECTS["Task"].fields["GyakusanReason__c"].length == REASON_LENGTH == 255


def test_every_label_is_in_japanese_too() -> None:
    for name in own_fields():
        packaged = field(name)
        translated = ElementTree.parse(TRANSLATIONS / f"{name}.fieldTranslation-meta.xml").getroot()
        assert texts(translated, "name") == [name]
        labels = [*texts(packaged, "label"), *texts(translated, "label")]
        assert len(labels) == 2
        assert all(0 < len(label) <= LABEL_CHARACTERS for label in labels)
        assert texts(translated, "picklistValues/masterLabel") == texts(
            packaged, "valueSet/valueSetDefinition/value/label"
        )
        assert all(texts(translated, "picklistValues/translation"))


def test_the_list_of_todays_actions_shows_open_tasks_of_ours_due_today() -> None:
    file = PACKAGE / "force-app/main/default/objects/Task/listViews/GyakusanToday.listView-meta.xml"
    view = ElementTree.parse(file).getroot()
    conditions = {
        texts(each, "field")[0]: (texts(each, "operation")[0], *texts(each, "value"))
        for each in view.findall(f"{NAMESPACE}filters")
    }
    assert conditions == {
        "IS_CLOSED": ("equals", "0"),
        "DUE_DATE": ("equals", "TODAY"),
        "GyakusanActionKey__c": ("notEqual",),
    }
    assert texts(view, "filterScope") == ["Mine"]
    assert {name for name in texts(view, "columns") if name.endswith("__c")} <= set(own_fields())


def test_the_clients_are_pinned_to_exact_versions() -> None:
    project = json.loads((PROJECT / "package.json").read_text())
    locked = json.loads((PROJECT / "package-lock.json").read_text())["packages"]
    wanted = {**project["dependencies"], **project["optionalDependencies"]}
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("integrity" in each for name, each in locked.items() if name and not each.get("inBundle"))
