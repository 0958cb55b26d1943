"""TYPEOF: fields of a polymorphic parent by what it is: `TYPEOF What WHEN Account THEN Phone ELSE Name END`."""

from __future__ import annotations

from connectors.sandbox.schema.sobjects import Field, SObject
from connectors.sandbox.schema.standard_objects import NAME_OBJECT
from connectors.sandbox.soql.answer import CHILDREN, Column, attributes_sql, json_value
from connectors.sandbox.soql.grammar import Path, TypeOf, malformed
from connectors.sandbox.soql.source import NAME_VIEW, Source
from connectors.sandbox.soql.where import unknown_object


def typeof_column(source: Source, item: TypeOf) -> Column:
    """The column of one TYPEOF: of each record the fields of the first branch that its parent is of."""
    reference = source.entity.by_relationship.get(item.relationship.text.lower())
    if reference is None or not reference.polymorphic:
        reason = f"TYPEOF needs a polymorphic relationship: {item.relationship.text}"
        raise malformed(source.query, item.relationship.place, reason)
    branches = []
    for number, (target, paths) in enumerate(item.branches):
        entity = source.context.find_object(target.text)
        if entity is None or entity.name not in reference.reference_to:
            raise unknown_object(source.query, target)
        branches.append(_branch(source, reference, entity, entity.name, paths, number))
    branches.append(_branch(source, reference, NAME_OBJECT, NAME_VIEW, item.otherwise, len(branches)))
    name = str(reference.relationship_name)
    return Column((name,), f"case {' '.join(branches)} end", Field(name, CHILDREN))


def _branch(
    source: Source, reference: Field, entity: SObject, view: str, paths: tuple[Path, ...], number: int
) -> str:
    table = f"{source.prefix}_{reference.name}_{number}"
    source.join_sql.append(
        f'left join "{view}" {table} on {table}."Id" = {source.prefix}0."{reference.name}"'
    )
    pairs = [attributes_sql(entity, table, source.context.version)]
    for path in paths:
        found = entity.by_lower_name.get(path.text.lower())
        if found is None or not found.stored:
            raise source.no_such_column(path, path.text, entity)
        value = json_value(f'{table}."{found.name}"', found)
        pairs.append(f'"{found.name}" := {value}')
    return f'when {table}."Id" is not null then to_json(struct_pack({", ".join(pairs)}))'
