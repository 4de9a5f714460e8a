"""Runs SQL in one DuckDB process that stays: a JSON object {"sql": ...} a line on stdin, {"seconds": ..., "rows": ...} or
{"error": ...} a line on stdout. The connection, and with it all that was loaded, lives until stdin ends. With "fetch" all rows are
fetched, as the time says, and counted; else the first one's first column tells how many there were."""

import json
import sys
import time

import duckdb

connection = duckdb.connect()
for line in sys.stdin:
    asked = json.loads(line)
    started = time.perf_counter()
    try:
        result = connection.execute(asked["sql"])
        if asked.get("fetch"):
            rows = len(result.fetchall())
        else:
            row = result.fetchone()
            rows = row[0] if row else None
        answer = {"seconds": time.perf_counter() - started, "rows": rows}
    except duckdb.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
