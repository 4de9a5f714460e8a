"""The API against its own description: schemathesis with every check over the real server.

Run by `cargo xtask schemathesis`. Makes a data directory with the sample account and sample people, serves it, signs in, and lets
schemathesis call everything in /openapi.json as it is described and as it is not: no 5xx, no status, header or body that the
description doesn't have, nothing accepted that it excludes, nothing refused that it allows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ACCOUNT = "SCHEMATHESIS"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sayso", required=True, help="the program")
    parser.add_argument("--tools", required=True, help="where what has to be installed is kept between runs")
    parser.add_argument("--examples", type=int, default=200, help="of each operation and phase")
    parser.add_argument("--profiles", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("more", nargs="*", help="for schemathesis, behind --")
    args = parser.parse_args()

    # schemathesis runs in a folder of its own, where a relative path would lead nowhere
    args.sayso = Path(args.sayso).resolve()
    program = install(Path(args.tools).resolve())
    with tempfile.TemporaryDirectory(prefix="sayso-schemathesis-") as folder:
        sys.exit(run(args, program, Path(folder)))


def run(args, program, folder):
    data = folder / "data"
    sayso = lambda *words: subprocess.run([args.sayso, *map(str, words)], check=True, stdout=subprocess.PIPE, text=True).stdout
    (folder / "account.toml").write_text(sayso("sample", "--account-file"))
    sayso("account", "create", ACCOUNT, "--from", folder / "account.toml", "--data", data)
    sayso("sample", "--profiles", args.profiles, "--out", folder / "people.ndjson")
    with open(folder / "people.ndjson", "a") as people:
        for id in range(1001, 1006):  # those that schemathesis.toml names
            people.write(json.dumps({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": f"C-{id}"}]}) + "\n")
    sayso("load", folder / "people.ndjson", "--account", ACCOUNT, "--data", data)
    credentials = json.loads(sayso("credentials", "create", "--account", ACCOUNT, "--user", "Admin", "--json", "--data", data))
    log = folder / "server.log"
    with open(log, "w") as file:
        command = [args.sayso, "serve", "--listen", "127.0.0.1:0", "--data", str(data)]
        command += ["--login-failures", "0"]  # it tries bad credentials on and on, all from here
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        url = server.stdout.readline().strip().removeprefix("listening on ")
        environment = os.environ | {
            "SCHEMATHESIS_HOOKS": "hooks",
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SAYSO_TOKEN": sign_in(url, credentials),
            "SAYSO_CLIENT_ID": credentials["client_id"],
            "SAYSO_CLIENT_SECRET": credentials["client_secret"],
        }
        command = [program, "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json", "--checks", "all"]
        # Of a call that takes hardly more than its address, few of the requests drawn are new.
        command += ["--suppress-health-check", "filter_too_much"]
        command += ["--max-examples", args.examples, "--seed", args.seed, "--continue-on-failure", "--no-color", *args.more]
        code = subprocess.run([str(word) for word in command], cwd=folder, env=environment).returncode
        return code if server.poll() is None else f"the server ended by itself with {server.returncode}"
    finally:
        server.terminate()
        server.wait(30)
        faults = [line for line in log.read_text().splitlines() if "ERROR" in line or "panic" in line]
        if faults:
            print("The server's log:", *faults[:50], sep="\n", file=sys.stderr)


def sign_in(url, credentials):
    """A bearer token."""
    form = {"grant_type": "client_credentials"} | {name: credentials[name] for name in ("client_id", "client_secret", "scope")}
    with urllib.request.urlopen(f"{url}/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
        return json.load(answer)["access_token"]


def install(tools):
    """schemathesis of the version in requirements.txt, in a virtual environment of its own."""
    requirements = HERE / "requirements.txt"
    installed = tools / "installed.txt"
    program = tools / "venv" / "bin" / "schemathesis"
    if not installed.exists() or installed.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", tools / "venv"], check=True)
        pip = [tools / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", requirements], check=True)
        installed.write_text(requirements.read_text())
    return program


if __name__ == "__main__":
    main()
