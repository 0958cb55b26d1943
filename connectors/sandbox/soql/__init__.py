"""SOQL: text to a tree to DuckDB's SQL, and the answer."""
