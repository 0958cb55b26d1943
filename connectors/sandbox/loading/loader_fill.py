"""What a loaded folder leaves out and an org must have: stamps, the organization, stages, users and accounts."""

from __future__ import annotations

from connectors.sandbox.loading.csv_reading import numbered_sql, quote
from connectors.sandbox.loading.under_way import Loading
from connectors.sandbox.records.starting_rows import FOUNDED_AT
from connectors.sandbox.schema.picklists import DEFAULT_STAGES
from connectors.sandbox.schema.sobjects import SObject

WON_NAMES = ("closed won", "won", "受注")
LOST_NAMES = ("closed lost", "lost", "失注")
_FOUNDED = f"timestamp {quote(FOUNDED_AT.isoformat())}"


def _columns(loading: Loading, name: str) -> set[str]:
    return {str(row[0]) for row in loading.work.execute(f'describe "{name}"').fetchall()}


def fill_stamps(loading: Loading, entity: SObject) -> None:
    """SystemModstamp from the file, else LastModifiedDate, else CreatedDate, else the day the org was founded."""
    if "SystemModstamp" not in entity.fields:
        return
    columns = _columns(loading, entity.name)
    if "SystemModstamp" not in columns:
        loading.work.execute(f'alter table "{entity.name}" add column "SystemModstamp" timestamp')
    loading.note(
        "row without SystemModstamp (filled)", entity.name,
        f'select "Id" from "{entity.name}" where "SystemModstamp" is null',
    )  # fmt: skip
    sources = [
        f'"{name}"' for name in ("SystemModstamp", "LastModifiedDate", "CreatedDate") if name in columns
    ]
    filled = ", ".join([*sources, _FOUNDED])
    loading.work.execute(f'update "{entity.name}" set "SystemModstamp" = coalesce({filled})')


def add_organization(loading: Loading) -> None:
    """The Organization from its own file, else from the mapping."""
    if "Organization" in loading.entities:
        return
    mapping, org = loading.mapping, loading.org
    organization_id = org.new_ids("Organization", 1)[0]
    loading.work.execute(f"""
        create or replace table "Organization" as select {quote(organization_id)} as "Id",
            {quote(mapping.organization_name)} as "Name", {quote(mapping.time_zone)} as "TimeZoneSidKey",
            {quote(mapping.currency)} as "DefaultCurrencyIsoCode", {mapping.fiscal_year_start_month}
            as "FiscalYearStartMonth", true as "IsSandbox", {_FOUNDED} as "CreatedDate", {_FOUNDED} as "LastModifiedDate",
            {_FOUNDED} as "SystemModstamp"
    """)
    loading.entities["Organization"] = org.objects["Organization"]


def add_stages(loading: Loading) -> None:
    """OpportunityStage rows for the stage names met, when there is no OpportunityStage file.

    Closed and won go by name; a stage of another name is closed or won when more than half of its deals say so. Order
    goes by a SortOrder column of the history, else by Salesforce's own order of stages, closed ones last.
    """
    names = [each for each in ("Opportunity", "OpportunityHistory") if each in loading.entities]
    if "OpportunityStage" in loading.entities or not names:
        return
    loading.work.execute(_met_stages(loading, names))
    count = loading.work.execute("select count(*) from _stages").fetchone()
    first = loading.org.reserve_numbers("OpportunityStage", int(count[0]) if count else 0)
    loading.work.execute(f"""
        create or replace table "OpportunityStage" as
        select {numbered_sql("01J", f"{first} + stage_order - 1")} as "Id", stage_name as "MasterLabel",
            stage_name as "ApiName", true as "IsActive", stage_order as "SortOrder", is_closed as "IsClosed",
            is_won as "IsWon", case when is_won then 'Closed' when is_closed then 'Omitted' else 'Pipeline' end
            as "ForecastCategory", "ForecastCategory" as "ForecastCategoryName",
            case when is_won then 100 when is_closed then 0 else probability end as "DefaultProbability",
            {_FOUNDED} as "CreatedDate", {_FOUNDED} as "LastModifiedDate", {_FOUNDED} as "SystemModstamp"
        from _stages order by stage_order
    """)
    loading.entities["OpportunityStage"] = loading.org.objects["OpportunityStage"]
    loading.note(
        "stage without a definition (made from its name)",
        "OpportunityStage",
        """
        select "MasterLabel" from "OpportunityStage" """,
    )


def _met_stages(loading: Loading, names: list[str]) -> str:
    has = {name: _columns(loading, name) for name in names}
    deals = has.get("Opportunity", set())
    flag = {name: f'avg("{name}"::int) > 0.5' if name in deals else "false" for name in ("IsClosed", "IsWon")}
    probability = 'median("Probability")' if "Probability" in deals else "null"
    met = []
    if "Opportunity" in names:
        met.append(
            f'select "StageName" as stage_name, null::bigint as sort_order, {flag["IsClosed"]} as flag_closed, '
            f'{flag["IsWon"]} as flag_won, {probability} as probability from "Opportunity" group by 1'
        )
    if "OpportunityHistory" in names:
        order = (
            'min(try_cast("SortOrder" as bigint))'
            if "SortOrder" in has["OpportunityHistory"]
            else "null::bigint"
        )
        met.append(f'select "StageName", {order}, false, false, null from "OpportunityHistory" group by 1')
    return f"create or replace temp table _stages as {_ordered_stages(' union all '.join(met))}"


def _ordered_stages(met: str) -> str:
    known = ", ".join(f"({quote(each[0])}, {order})" for order, each in enumerate(DEFAULT_STAGES, start=1))
    won, lost = (", ".join(quote(name) for name in names) for names in (WON_NAMES, LOST_NAMES))
    return f"""
        with merged as (
            select stage_name, min(sort_order) as sort_order, bool_or(flag_closed) as flag_closed,
                bool_or(flag_won) as flag_won, max(probability) as probability
            from ({met}) where stage_name is not null group by 1
        ), judged as (
            select stage_name, sort_order, probability,
                case when lower(stage_name) in ({won}) then true when lower(stage_name) in ({lost}) then false
                    else flag_won end as is_won,
                lower(stage_name) in ({won}, {lost}) or flag_closed as is_closed
            from merged
        )
        select stage_name, probability, is_won and is_closed as is_won, is_closed, row_number() over (
            order by sort_order nulls last, is_closed, known_order nulls last, not is_won, stage_name) as stage_order
        from judged left join (values {known}) as known(known_name, known_order) on known_name = stage_name
    """


def add_placeholders(loading: Loading) -> None:
    """Users and accounts that records refer to and no file holds, named as unknown."""
    for parent, label in (("User", "user"), ("Account", "account")):
        _collect_unknown(loading, parent)
        loading.note(f"unknown {label} referred to (placeholder made)", parent, "select id from _unknown")
        _insert_unknown(loading, parent, label)


def _collect_unknown(loading: Loading, parent: str) -> None:
    prefix = loading.org.objects[parent].key_prefix
    loading.work.execute("create or replace temp table _unknown (id varchar, owner_id varchar)")
    for name, entity in loading.entities.items():
        columns = _columns(loading, name)
        owner = 'any_value("OwnerId")' if "OwnerId" in columns else "null::varchar"
        for each in entity.fields.values():
            if each.name in columns and parent in each.reference_to:
                column = f'"{each.name}"'
                loading.work.execute(
                    f'insert into _unknown select {column}, {owner} from "{name}" '
                    f"where starts_with({column}, {quote(prefix)}) group by 1"
                )
    known = f'select "Id" from "{parent}"' if parent in loading.entities else "select null where false"
    loading.work.execute(
        "create or replace temp table _unknown as select id, any_value(owner_id) as owner_id from _unknown "
        f"where id not in ({known}) group by 1 order by 1"
    )


def _insert_unknown(loading: Loading, parent: str, label: str) -> None:
    name = f"'Unknown {label} ' || id"
    shared = f'id as "Id", {name} as "Name", {_FOUNDED} as "CreatedDate", {_FOUNDED} as "LastModifiedDate", {_FOUNDED} as "SystemModstamp"'
    mapping = loading.mapping
    own = {
        "User": f'{name} as "LastName", lower(id) || \'@unknown.example\' as "Username", \'Standard\' as "UserType", '
        f'lower(id) || \'@unknown.example\' as "Email", {mapping.placeholder_users_are_active} as "IsActive", '
        f'{quote(mapping.time_zone)} as "TimeZoneSidKey"',
        "Account": 'owner_id as "OwnerId", false as "IsDeleted"',
    }[parent]
    made = f"select {shared}, {own} from _unknown"
    if parent in loading.entities:
        loading.work.execute(
            f'create or replace table "{parent}" as select * from "{parent}" union all by name {made}'
        )
    else:
        loading.work.execute(f'create table "{parent}" as {made}')
        loading.entities[parent] = loading.org.objects[parent]
