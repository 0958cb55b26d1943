"""The marts: one dbt child a night, its models as assets."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version as installed_version
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError
from packaging.version import Version

from dagster_project.progress import current
from dagster_project.resources import NightResource
from dagster_project.settings import load_settings
from dagster_project.transform.dbt_child import TransformFailed, dbt_executable, ensure_manifest, failed_nodes
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


class DbtChild(DbtCliResource):
    """dbt started at once.

    The base class first runs ``dbt --version``, which asks the package index for the latest release, and loads a
    whole dbt into this process to look up columns and row counts, which nobody here asks for: five seconds a night.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(installed_version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


def dbt_resource() -> DbtCliResource:
    """dbt as this interpreter has it, in the project's own folders."""
    settings = load_settings()
    return DbtChild(
        project_dir=str(settings.dbt_dir), profiles_dir=str(settings.dbt_dir), dbt_executable=dbt_executable()
    )


@dbt_assets(
    manifest=ensure_manifest(load_settings()),
    dagster_dbt_translator=Translator(),
    exclude="resource_type:unit_test",
)
def warehouse(context: dg.AssetExecutionContext, dbt: DbtCliResource, night: NightResource) -> Iterator[Any]:
    """Bring every model up to date and run every data test; unit tests of the logic are run by ``make test``."""
    settings = night.settings
    with current().step("Marts (dbt)"):
        build = begin_build(settings, night.log, parameters_of(night))
        if build.why_whole:
            current().note(f"All marts are built anew: {build.why_whole}")
        child = dbt.cli(build.command, context=context, target_path=settings.dbt_target_dir)
        try:
            yield from child.stream()
        except DagsterDbtCliRuntimeError as error:
            raise TransformFailed(
                f"dbt failed: {failed_nodes(settings.dbt_target_dir) or str(error).splitlines()[0]}",
                where=str(settings.warehouse_file),
                remedy=f"see {settings.dbt_target_dir / 'dbt.log'}; yesterday's marts stay published",
            ) from error
        if not context.is_subset:
            finish_build(settings, build)
