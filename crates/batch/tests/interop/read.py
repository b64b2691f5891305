"""Prints a CSV and a Parquet file as JSON, read by Python's csv and by DuckDB. Exit code 3: no DuckDB."""

import csv
import json
import sys

try:
    import duckdb
except ImportError:
    sys.exit(3)

table, parquet = sys.argv[1:]
with open(table, newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file, strict=True))
found = duckdb.execute("select * from read_parquet($1)", [parquet])
names = [column[0] for column in found.description]
json.dump({"csv": rows, "parquet": [dict(zip(names, row)) for row in found.fetchall()]}, sys.stdout)
