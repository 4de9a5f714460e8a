"""OAuth through libraries that people use: Authlib and requests-oauthlib (PyPI), oauth4webapi (npm), with a secret and with a key.

Run by `cargo xtask oauth` and in CI. Makes a data directory with sample people and OAuth clients, serves it, and lets each library do what
it does by itself, over TLS: find the server's metadata, get a token (client_secret_basic, client_secret_post, private_key_jwt with RS256
and ES256), run an export with it, end it, and see that it is ended; and be refused with a wrong secret and a foreign key. A
library that can't be installed is an error, in plain words: nothing is skipped.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ACCOUNT = "OAUTH"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sayso", required=True, help="the program")
    parser.add_argument("--tools", required=True, help="where what has to be installed is kept between runs")
    args = parser.parse_args()

    tools = Path(args.tools).resolve()
    python, node = python_with(tools), node_with(tools)
    with tempfile.TemporaryDirectory(prefix="sayso-oauth-") as folder:
        run(Path(args.sayso).resolve(), python, node, Path(folder))


def run(program, python, node, folder):
    data = folder / "data"
    sayso = lambda *words: subprocess.run([program, *map(str, words)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout
    (folder / "account.toml").write_text(sayso("sample", "--account-file"))
    sayso("account", "create", ACCOUNT, "--from", folder / "account.toml", "--data", data)
    sayso("sample", "--profiles", 100, "--out", folder / "people.ndjson")
    sayso("load", folder / "people.ndjson", "--account", ACCOUNT, "--data", data)
    subprocess.run([python, HERE / "keys.py", folder], check=True)

    credentials = lambda *words: sayso("credentials", *words, "--account", ACCOUNT, "--data", data)
    create = lambda: json.loads(credentials("create", "--user", "Admin", "--json"))
    clients = {"secret": create()}
    for name in ("rsa", "ec"):
        client = create()
        certificate = json.loads(
            credentials("certificate", "add", client["client_id"], "--file", folder / f"{name}.cert.pem", "--end-secrets", "--json")
        )
        clients[name] = {
            "client_id": client["client_id"],
            "scope": client["scope"],
            "alg": certificate["algorithm"],
            "kid": certificate["certificate_id"],
            "key": (folder / f"{name}.key.pem").read_text(),
        }

    log = folder / "server.log"
    with open(log, "w") as file:
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data", data]
        command += ["--tls-cert", folder / "server.cert.pem", "--tls-key", folder / "server.key.pem"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        issuer = server.stdout.readline().strip().removeprefix("listening on ")
        plan = folder / "plan.json"
        plan.write_text(json.dumps({"issuer": issuer, "account": ACCOUNT, "clients": clients}))
        # libraries refuse plain http, as they should; the server's own certificate is the one that they trust
        trusted = str(folder / "server.cert.pem")
        environment = os.environ | {"REQUESTS_CA_BUNDLE": trusted, "NODE_EXTRA_CA_CERTS": trusted, "PYTHONDONTWRITEBYTECODE": "1"}
        wrong = []
        for name, command in {
            "Authlib": [python, HERE / "authlib_client.py"],
            "requests-oauthlib": [python, HERE / "requests_oauthlib_client.py"],
            "oauth4webapi": node,
        }.items():
            done = subprocess.run([*command, plan], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            print(done.stdout, end="", flush=True)
            if done.returncode != 0:
                wrong.append(name)
        if wrong:
            print("The server's log:", *log.read_text().splitlines()[-30:], sep="\n", file=sys.stderr)
            sys.exit(f"went wrong: {', '.join(wrong)}")
        secrets = [clients["secret"]["client_secret"], *(clients[name]["key"].splitlines()[1] for name in ("rsa", "ec"))]
        if any(secret in log.read_text() for secret in secrets):
            sys.exit("a secret stands in the server's log")
    finally:
        server.terminate()
        server.wait(30)


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


def node_with(tools):
    """How node runs the script beside the packages of package-lock.json."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        sys.exit("oauth4webapi needs node and npm; install them (apt-get install nodejs npm)")
    lock, place = HERE / "package-lock.json", tools / "node"
    installed = place / "package-lock.json"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "node_modules").exists() or not installed.exists() or installed.read_text() != lock.read_text():
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, place)
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=place, check=True)
    # packages are looked for beside the script that asks for them
    shutil.copy(HERE / "oauth4webapi_client.mjs", place)
    return [node, place / "oauth4webapi_client.mjs"]


if __name__ == "__main__":
    main()
