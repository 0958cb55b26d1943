"""The marts: one dbt child a night, its models as assets."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, dbt_assets

from dagster_project.progress import current
from dagster_project.resources import NightResource
from dagster_project.settings import load_settings
from dagster_project.transform.dbt_child import TransformFailed, ensure_manifest, node_results, run_dbt
from dagster_project.transform.marts_build import begin_build, finish_build
from dagster_project.transform.run import parameters_of


class Translator(DagsterDbtTranslator):
    """Models stand in the graph under their folder: staging, intermediate, marts."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Folder and name of a model; source and name of a source."""
        if dbt_resource_props["resource_type"] == "model":
            return dg.AssetKey([dbt_resource_props["fqn"][1], dbt_resource_props["name"]])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The folder."""
        return str(dbt_resource_props["fqn"][1])


@dbt_assets(
    manifest=ensure_manifest(load_settings()),
    dagster_dbt_translator=Translator(),
    exclude="resource_type:unit_test",
)
def warehouse(context: dg.AssetExecutionContext, night: NightResource) -> Iterator[Any]:
    """Bring every model up to date and run every data test; unit tests of the logic are run by ``make test``."""
    settings = night.settings
    models, checks = context.selected_asset_keys, context.selected_asset_check_keys
    with current().step("Marts (dbt)"):
        build = begin_build(settings, night.log, parameters_of(night))
        if build.why_whole:
            current().note(f"All marts are built anew: {build.why_whole}")
        chosen = selection(models, checks) if context.is_subset else []
        try:
            run_dbt(settings, [*build.command, *chosen], remedy="yesterday's marts stay published")
        except TransformFailed:
            yield from node_events(node_results(settings.dbt_target_dir), models, checks)
            raise
        if not context.is_subset:
            finish_build(settings, build)
    yield from node_events(node_results(settings.dbt_target_dir), models, checks)


def selection(models: AbstractSet[dg.AssetKey], checks: AbstractSet[dg.AssetCheckKey]) -> list[str]:
    """dbt's arguments for these models and tests and no others."""
    names = [*(key.path[-1] for key in models), *(check.name for check in checks)]
    return ["--indirect-selection", "empty", "--select", *sorted(names)]


def node_events(
    results: Iterable[Mapping[str, Any]],
    models: AbstractSet[dg.AssetKey],
    checks: AbstractSet[dg.AssetCheckKey],
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """One event for each model that was built and each test that was run, of those selected, in the order they ended.

    Read from dbt's record once it has ended: to be followed while it runs, it would write its every event as JSON, which
    takes it two seconds a night. Names of models and of tests are unique in a project.
    """
    model_keys, check_keys = {key.path[-1]: key for key in models}, {check.name: check for check in checks}
    for each in results:
        kind, _, name, *_ = each["unique_id"].split(".")
        if kind == "model" and name in model_keys and each["status"] == "success":
            yield dg.MaterializeResult(asset_key=model_keys[name], metadata=_metadata(each))
        if kind == "test" and name in check_keys and each["status"] != "skipped":
            yield _check_result(check_keys[name], each)


def _check_result(check: dg.AssetCheckKey, result: Mapping[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=result["status"] == "pass",
        asset_key=check.asset_key,
        check_name=check.name,
        metadata={**_metadata(result), "Failed rows": result["failures"] or 0},
    )


def _metadata(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"Execution Duration": float(result["execution_time"]), "unique_id": result["unique_id"]}
