"""docs/recipes/duckdb.md, run as it stands there: its commands are taken out of the page, some days pass, and each morning the table in
DuckDB equals the source."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

import expected
from compare import filled, in_utc, same
from run import Api

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipes" / "duckdb.md"
# Where the page has its files.
PLACE = "/srv/sayso"


def main():
    folder = Path(sys.argv[1])
    place = folder / "place"
    script, query = (block(language).replace(PLACE, str(place)) for language in ("sh", "sql"))
    # `sayso` and a python3 that has duckdb, as on the machine that the page is written for.
    path = os.pathsep.join([str(Path(sys.executable).parent), str(Path(os.environ["SAYSO"]).parent), os.environ["PATH"]])
    for night in range(4):
        done = subprocess.run(["bash", "-c", script], env=os.environ | {"PATH": path}, stdout=subprocess.DEVNULL)
        assert done.returncode == 0, f"night {night} failed"
        assert not list((place / "in").iterdir()), "what is taken over is removed"
        rows = source(folder)
        with duckdb.connect(str(place / "people.duckdb")) as db:
            table = db.sql("FROM people ORDER BY ProfileId")
            got = [in_utc(dict(zip(table.columns, row))) for row in table.fetchall()]
            wanted = expected.parquet_rows("profiles", rows)
            same(f"the table of night {night}", [filled(*pair) for pair in zip(wanted, got)] if len(wanted) == len(got) else wanted, got)
            same(f"the page's query, night {night}", sorted(expected.may_be_mailed(rows)), sorted(db.sql(query).fetchall()))
        a_day(folder / "clock", night, rows)
    print("tables: docs/recipes/duckdb.md has each morning what the source has")


def block(language):
    """The page's block in this language."""
    return PAGE.read_text().split(f"```{language}\n")[1].split("```")[0]


def source(folder):
    """Everybody, by the program's NDJSON."""
    subprocess.run([os.environ["SAYSO"], "export", "--segment", "Everybody", "--out", folder / "source.ndjson"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return expected.lines(folder / "source.ndjson")


def a_day(clock, night, rows):
    """What happens by day: people change, come and go, and one who might be mailed is deactivated."""
    now = datetime.fromisoformat(clock.read_text().removesuffix("Z")) + timedelta(hours=12)
    aside = clock.with_suffix(".new")
    aside.write_text(now.isoformat(timespec="milliseconds") + "Z")
    aside.rename(clock)
    # A bearer token of before has expired by now.
    api = Api(os.environ["SAYSO_URL"], json.loads(Path(os.environ["SAYSO_CREDENTIALS"]).read_text()))
    for n in range(20):
        api.call("POST", f"/Profile/{100 + 30 * night + n}", {"CustomerName": {"LastName": f"of day {night}\n\"{n}\""}})
    for n in range(5):
        api.call("DELETE", f"/Profile/{125 + 30 * night + n}")
    api.call("POST", "/Profile", {"CustomerName": {"LastName": f"new on day {night}"}})
    api.call("POST", f"/Profile/{expected.may_be_mailed(rows)[0][0]}/Deactivate", {"Reason": "moved"})


if __name__ == "__main__":
    main()
