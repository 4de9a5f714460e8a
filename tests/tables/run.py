"""The tables of `sayso export`, read back by the programs that people read them with: DuckDB, pyarrow, pandas and Python's own csv.

Run by `cargo xtask tables` and in CI. Serves an account with sample people and with some whose names and notes are as awkward as they
may be, deletes a few, and exports the same rows as NDJSON, as CSV and as Parquet, in every shape, in one piece and in several. Then
`compare.py` makes of the NDJSON what docs/tables.md says, and holds every value that each program reads against it; `recipe.py` runs
docs/recipes/duckdb.md as it stands there. A program that can't be installed is an error: nothing is skipped.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ACCOUNT = "TABLES"
NOW = "2026-11-24T10:00:00.000Z"

# What the sample account lacks: rows with parts left out.
SEGMENTS = """
[[Segments]]
Name = "Bare"
Output = { Preferences = false, Consents = false, CustomFields = false }

[[Segments]]
Name = "Without consents"
Output = { Consents = false }
"""
SEGMENTS_TO_EXPORT = ("Everybody", "Bare", "Without consents")

# What has gone wrong in one program or another that wrote or read a table.
AWKWARD = [
    'O\'Neil, "Bob"\r\nJr.',
    "=HYPERLINK(\"http://example.com\")",
    "+1",
    "-2",
    "@x",
    "NULL",
    "null",
    "NA",
    "NaN",
    "None",
    "true",
    "0012",
    "1e5",
    "2026-11-24",
    "\\N",
    "\\",
    "\"",
    "\"\"",
    "'",
    ",",
    ";",
    "\t",
    "[]",
    "{}",
    "Zoë Ångström 李 😀",
    "e\u0301",
    "\u200f‮x",
    " spaces ",
    "x" * 50,
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sayso", required=True, help="the program")
    parser.add_argument("--tools", required=True, help="where what has to be installed is kept between runs")
    parser.add_argument("--profiles", type=int, default=1200, help="sample people beside the awkward ones")
    args = parser.parse_args()

    python = python_with(Path(args.tools).resolve())
    with tempfile.TemporaryDirectory(prefix="sayso-tables-") as folder:
        run(Path(args.sayso).resolve(), python, Path(folder), args.profiles)


def run(program, python, folder, profiles):
    data, clock = folder / "data", folder / "clock"
    # A clock that stands: whether something has expired is then the same in every export.
    clock.write_text(NOW)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAYSO_") and not name.endswith("_proxy")}

    def sayso(*words, **more):
        done = subprocess.run([program, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **more)
        if done.returncode != 0:
            sys.exit(f"sayso {' '.join(map(str, words))} failed: {done.stdout}{done.stderr}")
        return done.stdout

    (folder / "account.toml").write_text(sayso("sample", "--account-file") + SEGMENTS)
    sayso("account", "create", ACCOUNT, "--from", folder / "account.toml", "--data", data)
    people = folder / "people.ndjson"
    sayso("sample", "--profiles", profiles, "--out", people)
    with open(people, "a") as file:
        file.writelines(json.dumps(person) + "\n" for person in awkward_people())
    sayso("load", people, "--account", ACCOUNT, "--data", data, "--clock-file", clock)
    credentials = folder / "nightly.json"
    credentials.write_text(sayso("credentials", "create", "--user", "Admin", "--json", "--account", ACCOUNT, "--data", data))

    log = folder / "server.log"
    with open(log, "w") as file:
        command = [program, "serve", "--listen", "127.0.0.1:0", "--request-limit", "0", "--data", data, "--clock-file", clock]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True, env=environment)
    try:
        url = server.stdout.readline().strip().removeprefix("listening on ")
        people_go(Api(url, json.loads(credentials.read_text())), profiles + 1)
        environment |= {"SAYSO_URL": url, "SAYSO_CREDENTIALS": str(credentials), "PYTHONDONTWRITEBYTECODE": "1"}

        killed = 0
        for segment in SEGMENTS_TO_EXPORT:
            out = folder / segment
            out.mkdir()
            export = ["export", "--segment", segment, "--deleted", "Deleted profiles"]
            sayso(*export, "--out", out / "rows.ndjson")
            for form in ("csv", "parquet"):
                for shape in ("profiles", "preferences"):
                    sayso(*export, "--out", out / f"{shape}.{form}", "--format", form, "--shape", shape)
                    if segment != SEGMENTS_TO_EXPORT[0]:
                        continue
                    # Killed on the way, and gone on with: a Parquet file is then put together of many.
                    pieces = [*export, "--out", out / f"{shape}-in-pieces.{form}", "--format", form, "--shape", shape]
                    pieces += ["--limit", "100", "--at-once", "1", "--checkpoint", "16KiB"]
                    killed += kill_midway([program, *pieces], environment, out / f".{shape}-in-pieces.{form}.journal")
                    sayso(*pieces)
        if not killed:
            sys.exit("no export was killed on the way: each had ended before")

        for script in ("compare.py", "recipe.py"):
            done = subprocess.run([python, HERE / script, folder], env=environment | {"SAYSO": str(program)})
            if done.returncode != 0:
                sys.exit(f"{script} found something wrong")
    finally:
        server.terminate()
        server.wait(30)


def kill_midway(command, environment, journal):
    """Starts an export and kills it as soon as its journal tells of something on disk; whether it was still running then."""
    job = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    while job.poll() is None and not (journal.exists() and "Mark" in journal.read_text()):
        time.sleep(0.001)
    job.kill()
    return job.wait() < 0


def awkward_people():
    for n, text in enumerate(AWKWARD):
        # An address takes no line breaks and no tabs.
        line = text.translate({ord(sign): "_" for sign in "\r\n\t"})
        preference = {"FilterId": "NEWS-EMAIL", "PreferenceType": 1 + n % 2, "PreferenceAttributes": [{"Key": "Note", "Value": text}]}
        yield {
            "CustomerName": {"FirstName": f"Awkward {n}", "LastName": text},
            "Emails": [
                {"EmailAddressType": "Home", "EmailAddress": f"first{n}@example.com"},
                {"EmailAddressType": "Work", "EmailAddress": f"O'Neil+{n}@Example.COM", "IsDefault": True, "EmailPreferences": [preference]},
            ],
            "Addresses": [{"AddressType": "Home", "Address1": line, "City": line, "StateProvince": "MA", "PostalCode": "02134", "CountryCode_Alpha2": "US"}],
            "PhoneNumbers": [{"PhoneType": "Home", "PhoneNumber": f"+1 (912) 555-01{n:02}"}],
            "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": f"000{n}"}],
            "CustomFields": [{"Name": "FavoriteStore", "Value": text}],
        }
    # Nobody knows more of them than that they are there.
    yield {}


def people_go(api, opted_in):
    """Some are deleted, with a reason or without, and one who takes the newsletter is deactivated."""
    api.call("DELETE", "/Profile/3")
    for n, reason in ((5, "asked for it"), (8, '=1, "he" said\nNULL'), (9, "NA")):
        api.call("DELETE", f"/Profile/{n}?" + urllib.parse.urlencode({"reasonCode": reason}))
    api.call("POST", f"/Profile/{opted_in}/Deactivate", {"Reason": "moved"})


class Api:
    """The few calls that change something."""

    def __init__(self, url, credentials):
        self.base = f"{url}/Profiles/v4/{credentials['scope'].split('/')[0]}"
        form = urllib.parse.urlencode(
            {"grant_type": "client_credentials", **{name: credentials[name] for name in ("client_id", "client_secret", "scope")}}
        )
        with urllib.request.urlopen(f"{url}/oauth/token", form.encode()) as answer:
            self.token = json.load(answer)["access_token"]

    def call(self, method, path, body=None):
        """Sends it; gives what the answer holds."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        text = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.base + path, text, headers, method=method)) as answer:
            text = answer.read()
            return json.loads(text) if text else None


def python_with(tools):
    """The python of a virtual environment with what requirements.txt names."""
    requirements, installed = HERE / "requirements.txt", tools / "requirements.txt"
    python = tools / "venv" / "bin" / "python"
    if not installed.exists() or installed.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", tools / "venv"], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", requirements], check=True)
        installed.write_text(requirements.read_text())
    return python


if __name__ == "__main__":
    main()
