"""Reads every file that run.py has had exported with each program, and compares it, value by value, with what expected.py makes of the
NDJSON of the same rows."""

import csv
import json
import sys
from datetime import timezone
from pathlib import Path

import duckdb
import pandas
import pyarrow
import pyarrow.csv
import pyarrow.parquet

import expected
from run import SEGMENTS_TO_EXPORT

TABLES = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def main():
    folder = Path(sys.argv[1])
    compared = 0
    for segment in SEGMENTS_TO_EXPORT:
        rows, deleted = (expected.lines(folder / segment / f"rows{which}.ndjson") for which in ("", "-deleted"))
        assert len(rows) > 1000 and len(deleted) == 4, "the rows are there"
        for shape in ("profiles", "preferences"):
            for pieces in ("", "-in-pieces") if segment == SEGMENTS_TO_EXPORT[0] else ("",):
                base = folder / segment / f"{shape}{pieces}"
                compared += files(base, "", shape, rows) + files(base, "-deleted", "deleted", deleted)
    assert not any("CustomFields" in row for row in expected.lines(folder / "Bare" / "rows.ndjson")), "a segment can leave parts out"
    rows = expected.lines(folder / "Everybody" / "rows.ndjson")
    has_every_member(rows, pyarrow.parquet.read_schema(folder / "Everybody" / "profiles.parquet"))
    the_query_of_the_docs(folder / "Everybody" / "profiles.parquet", rows)
    print(f"tables: {compared} readings of {len(rows)} profiles agree with the NDJSON in every value")


def files(base, which, shape, rows):
    """Compares the CSV and the Parquet of some rows; gives how many readings there were."""
    name = lambda form: base.with_name(f"{base.name}{which}.{form}")
    wanted = list(expected.CSV[shape](rows))
    for program, read in CSV_READERS.items():
        got = [from_json(row, expected.JSON_COLUMNS[shape]) for row in read(name("csv"))]
        same(f"{name('csv')} by {program}", wanted, got)
    typed_by_duckdb(name("csv"), wanted)
    wanted = expected.parquet_rows(shape, rows)
    for program, read in PARQUET_READERS.items():
        got = read(name("parquet"))
        # What the segment leaves out has no member in NDJSON, and is null in a table, however deep.
        same(f"{name('parquet')} by {program}", [filled(row, like) for row, like in zip(wanted, got)] if len(wanted) == len(got) else wanted, got)
    frame = pandas.read_parquet(name("parquet"))
    same(f"{name('parquet')} by pandas", [row["ProfileId"] for row in wanted], frame["ProfileId"].tolist())
    return len(CSV_READERS) + len(PARQUET_READERS) + 2


def csv_by_python(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def csv_by_duckdb(path):
    relation = duckdb.read_csv(str(path), all_varchar=True)
    return [{column: value or "" for column, value in zip(relation.columns, row)} for row in relation.fetchall()]


def csv_by_pyarrow(path):
    with open(path, encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    texts = pyarrow.csv.ConvertOptions(column_types={column: pyarrow.string() for column in columns})
    return pyarrow.csv.read_csv(path, None, pyarrow.csv.ParseOptions(newlines_in_values=True), texts).to_pylist()


def csv_by_pandas(path):
    return pandas.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")


CSV_READERS = {"Python": csv_by_python, "DuckDB": csv_by_duckdb, "pyarrow": csv_by_pyarrow, "pandas": csv_by_pandas}


def typed_by_duckdb(path, wanted):
    """DuckDB finds out by itself that ids are numbers, dates moments and flags booleans."""
    columns = [c for c in ("ProfileId", "IsActive", "ProfileIsActive", "CreateDate", "CustomerDate", "DeletedDate") if wanted and c in wanted[0]]
    relation = duckdb.read_csv(str(path))
    if not columns:
        return
    types = dict(zip(relation.columns, map(str, relation.types)))
    kinds = {"ProfileId": "BIGINT", "IsActive": "BOOLEAN", "ProfileIsActive": "BOOLEAN"}
    assert all(types[c] == kinds.get(c, "TIMESTAMP WITH TIME ZONE") for c in columns), f"{path}: {types}"
    got = [map(in_utc, row) for row in relation.select(*columns).fetchall()]
    words = lambda value: f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z" if hasattr(value, "tzinfo") else expected.cell(value)
    same(f"{path} typed by DuckDB", [[row[c] for c in columns] for row in wanted], [list(map(words, row)) for row in got])


def parquet_by_pyarrow(path):
    return pyarrow.parquet.read_table(path).to_pylist()


def parquet_by_duckdb(path):
    relation = duckdb.read_parquet(str(path))
    return [in_utc(dict(zip(relation.columns, row))) for row in relation.fetchall()]


PARQUET_READERS = {"pyarrow": parquet_by_pyarrow, "DuckDB": parquet_by_duckdb}


def in_utc(value):
    """Moments in UTC, whatever zone they are told in."""
    if isinstance(value, dict):
        return {name: in_utc(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [in_utc(inner) for inner in value]
    return value.astimezone(timezone.utc) if hasattr(value, "astimezone") else value


def from_json(row, columns):
    """A row of CSV, what stands in its columns of JSON read."""
    return row | {column: json.loads(row[column]) if row[column] else "" for column in columns}


def filled(wanted, got):
    """What is wanted, with a null for each member that only a table has."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return {name: None for name in got} | {name: filled(value, got.get(name)) for name, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return [filled(*pair) for pair in zip(wanted, got)]
    return wanted


def same(what, wanted, got):
    """Ends everything at the first difference, and names it."""
    if len(wanted) != len(got):
        sys.exit(f"{what}: {len(got)} rows, and not {len(wanted)}")
    for number, (one, other) in enumerate(zip(wanted, got), 1):
        if one != other:
            sys.exit(f"{what}: row {number} differs\n  wanted {one!r}\n  got    {other!r}")


def has_every_member(rows, schema):
    """What is never there can't be compared: each member that a table has a column for has a value somewhere in the rows."""
    seen = set()

    def see(value, name=None):
        if isinstance(value, dict):
            for inner_name, inner in value.items():
                see(inner, inner_name)
        elif isinstance(value, list):
            for inner in value:
                see(inner, name)
        elif value not in (None, ""):
            seen.add(name)

    def leaves(field):
        if pyarrow.types.is_list(field.type):
            field = field.type.value_field.with_name(field.name)
        if not pyarrow.types.is_struct(field.type):
            return {field.name}
        return set().union(*map(leaves, field.type))

    see(rows)
    missing = set().union(*map(leaves, schema)) - seen
    # Nobody gives a reason for an opt-in or an opt-out here; those of the deleted ones are compared.
    assert missing == {"ReasonCode"}, f"no row has {missing}"


def the_query_of_the_docs(file, rows):
    """The SQL of docs/tables.md finds whom the rows themselves tell of."""
    query = TABLES.read_text().split("```sql\n")[1].split("```")[0].replace("people.parquet", str(file))
    wanted = expected.may_be_mailed(rows)
    same("the query of docs/tables.md", sorted(wanted), sorted(duckdb.sql(query).fetchall()))
    assert 0 < len(wanted) < len(expected.may_be_mailed([row | {"IsActive": True} for row in rows])), "somebody with an opt-in is deactivated"


if __name__ == "__main__":
    main()
