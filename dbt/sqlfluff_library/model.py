"""Stands in for dbt's model when sqlfluff renders templates: one that is no staging model."""

from __future__ import annotations

fqn = ("gyakusan", "marts", "model")
resource_type = "model"
