"""An org from a folder of CSV files."""
