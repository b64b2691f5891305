"""Reads an export in CSV, JSON lines and Parquet, the last by DuckDB and by pandas, and says whether all rows agree."""

import csv
import json
import sys

import duckdb
import pandas

table, lines, parquet = sys.argv[1:]
expected = [json.loads(line) for line in open(lines, encoding="utf-8")]


def as_json(value):
    """A value as the JSON lines have it."""
    if value is None or (not isinstance(value, str) and pandas.isna(value)):
        return None
    if hasattr(value, "strftime"):
        return value.astimezone(__import__("datetime").timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if hasattr(value, "item"):
        value = value.item()
    return int(value) if isinstance(value, float) else value


def compare(name, rows):
    if len(rows) != len(expected):
        sys.exit(f"{name}: {len(rows)} rows")
    for number, (found, row) in enumerate(zip(rows, expected)):
        found = {key: as_json(value) for key, value in found.items()}
        if found != row or list(found) != list(row):
            sys.exit(f"{name}, row {number}: {found} is not {row}")


found = duckdb.execute("select * from read_parquet($1)", [parquet])
names = [column[0] for column in found.description]
compare("DuckDB", [dict(zip(names, row)) for row in found.fetchall()])
kind = duckdb.execute("select typeof(time) from read_parquet($1) limit 1", [parquet]).fetchone()[0]
if kind != "TIMESTAMP WITH TIME ZONE":
    sys.exit(f"time is a {kind}")
compare("pandas", pandas.read_parquet(parquet).to_dict("records"))

with open(table, newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file, strict=True))
for found, row in zip(rows, expected, strict=True):
    for name in ("log", "entry", "time", "asset_sha256", "marked", "width"):
        value = row[name]
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        if found[name] != text:
            sys.exit(f"CSV, {name}: {found[name]} is not {text}")
    if found["generator"][:1] in "=+-@" and found["generator"]:
        sys.exit("a formula in CSV: " + found["generator"])
print(len(expected), "rows alike")
