"""The type of one column of an Arrow table, whatever it holds."""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa

Column: TypeAlias = "pa.Array[Any]"
