"""Runs SQL in one DuckDB process that stays: a JSON object {"sql": ...} a line on stdin, {"seconds": ..., "rows": ...} or
{"error": ...} a line on stdout. The connection, and with it all that was loaded, lives until stdin ends."""

import json
import sys
import time

import duckdb

connection = duckdb.connect()
for line in sys.stdin:
    sql = json.loads(line)["sql"]
    started = time.perf_counter()
    try:
        row = connection.execute(sql).fetchone()
        answer = {"seconds": time.perf_counter() - started, "rows": row[0] if row else None}
    except duckdb.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
