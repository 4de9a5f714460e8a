"""Gzip pages through the clients that people use: every page must decode to the bytes of the plain one.

Run by `cargo xtask clients` and, shorter, in CI. Makes a data directory with sample people, serves it, exports everybody, asks for random
pages plainly, and has each client ask for the same pages as it does by itself: curl --compressed, httpx, requests, reqwest, node's fetch.
A client that can't be installed is an error, in plain words, unless --allow-skips says that the others will do.
"""

import argparse
import collections
import hashlib
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
ACCOUNT = "CLIENTS"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sayso", required=True, help="the program")
    parser.add_argument("--tools", required=True, help="where what has to be installed is kept between runs")
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--profiles", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", help="cargo's target folder, to use again what is built there; else one among the tools")
    parser.add_argument("--allow-skips", action="store_true", help="a client that can't be installed is no error, as long as one is there")
    args = parser.parse_args()

    tools = Path(args.tools).resolve()
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sayso-clients-") as folder:
        outcomes = run(args, tools, Path(folder))
    for line in outcomes:
        print(line[1])
    counts = collections.Counter(verdict for verdict, _ in outcomes)
    if counts["wrong"]:
        sys.exit(f"seed {args.seed}: {counts['wrong']} clients are wrong")
    if not counts["right"] or (counts["skipped"] and not args.allow_skips):
        sys.exit(f"{counts['skipped']} clients could not be run")


def run(args, tools, folder):
    data = folder / "data"
    sayso = lambda *words: subprocess.run(
        [args.sayso, *map(str, words)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ).stdout
    (folder / "account.toml").write_text(sayso("sample", "--account-file"))
    sayso("account", "create", ACCOUNT, "--from", folder / "account.toml", "--data", data)
    sayso("sample", "--profiles", args.profiles, "--seed", args.seed, "--out", folder / "people.ndjson")
    sayso("load", folder / "people.ndjson", "--account", ACCOUNT, "--data", data)
    credentials = json.loads(
        sayso("credentials", "create", "--account", ACCOUNT, "--user", "Admin", "--json", "--data", data)
    )
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(
            [args.sayso, "serve", "--listen", "127.0.0.1:0", "--data", str(data)], stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        address = server.stdout.readline().strip().removeprefix("listening on http://")
        plan = Plan(address, credentials, args, folder)
        return [plan.outcome(name, *client(tools, args.target)) for name, client in CLIENTS.items()]
    finally:
        server.terminate()
        server.wait(30)


class Plan:
    """A complete export and the pages that are asked of it."""

    def __init__(self, address, credentials, args, folder):
        self.address, self.folder = address, folder
        form = {"grant_type": "client_credentials"} | {k: credentials[k] for k in ("client_id", "client_secret", "scope")}
        _, token = self.call("POST", "/oauth/token", urllib.parse.urlencode(form), "application/x-www-form-urlencoded")
        self.authorization = "Bearer " + json.loads(token)["access_token"]
        base = f"/Profiles/v4/Async/{ACCOUNT}/Export"
        _, initiated = self.call("POST", f"{base}/Segment/Everyone", "{}")
        export = f"{base}/{json.loads(initiated)['AccessToken']}"
        while (status := json.loads(self.call("GET", f"{export}/Status")[1]))["Status"] == "Processing":
            time.sleep(0.05)
        if status["Status"] != "Complete":
            sys.exit(f"the export ended as {status}")

        rows, draw = status["RowCount"], random.Random(args.seed)
        self.pages = []
        connection = http.client.HTTPConnection(address)
        for _ in range(args.pages):
            # small pages as often as large ones, now and then one of everything, now and then one past the end
            most = rows * 2 if draw.random() < 0.002 else 2000
            limit = round(most ** draw.random())
            offset = draw.randint(1, rows + 200)
            path = f"{export}?limit={limit}&offset={offset}&keepAlive=true"
            connection.request("GET", path, headers={"Authorization": self.authorization})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200 and answer.getheader("content-encoding") is None, (path, answer.status)
            self.pages.append({"url": f"http://{address}{path}", "sha256": hashlib.sha256(body).hexdigest()})
            self.bytes = getattr(self, "bytes", 0) + len(body)
        self.file = folder / "plan.json"
        self.file.write_text(json.dumps({"authorization": self.authorization, "pages": self.pages}))
        print(f"{rows} profiles, {args.pages} pages of {self.bytes / 1e6:.0f} MB in all, seed {args.seed}", flush=True)

    def call(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection(self.address)
        headers = {"Content-Type": kind} | ({"Authorization": self.authorization} if hasattr(self, "authorization") else {})
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            sys.exit(f"{method} {path} gave {answer.status}: {said.decode()}")
        return answer, said

    def outcome(self, name, command, why_not):
        """(right, wrong or skipped, a line that says so). A client says which pages it got: `{"encoding", "sha256"}` a line."""
        if command is None:
            return "skipped", f"{name}: skipped: {why_not}"
        started = time.monotonic()
        scratch = self.folder / name
        scratch.mkdir()
        # a proxy that the environment names would be asked for the loopback
        direct = os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        done = subprocess.run([*command, str(self.file)], cwd=scratch, env=direct, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        shutil.rmtree(scratch)
        took = time.monotonic() - started
        if done.returncode != 0:
            return "wrong", f"{name}: failed: {done.stderr.strip()[-2000:]}"
        version, *lines = done.stdout.splitlines()
        got = [json.loads(line) for line in lines]
        bad = [page["url"] for page, seen in zip(self.pages, got) if page["sha256"] != seen["sha256"]]
        plain = sum(seen["encoding"] != "gzip" for seen in got)
        if len(got) != len(self.pages) or bad or plain:
            return "wrong", f"{version}: {len(got)} of {len(self.pages)} pages, {plain} not compressed, {len(bad)} wrong: {bad[:3]}"
        return "right", f"{version}: {len(got)} pages, all gzip, all right ({took:.0f} s)"


def venv(tools, package):
    """The python of a virtual environment with what requirements.txt names, the package among it."""
    requirements, installed = HERE / "requirements.txt", tools / "requirements.txt"
    python = tools / "venv" / "bin" / "python"
    try:
        if not installed.exists() or installed.read_text() != requirements.read_text():
            subprocess.run([sys.executable, "-m", "venv", "--clear", tools / "venv"], check=True, capture_output=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--requirement", requirements], check=True, capture_output=True)
            installed.write_text(requirements.read_text())
    except (OSError, subprocess.CalledProcessError) as error:
        return None, f"not installable: {last_line(error)}"
    return [str(python), str(HERE / f"{package}_client.py")], ""


def reqwest(tools, target):
    target = Path(target) if target else tools / "reqwest"
    manifest = HERE / "reqwest" / "Cargo.toml"
    build = ["cargo", "build", "--quiet", "--locked", "--manifest-path", str(manifest), "--target-dir", str(target)]
    try:
        subprocess.run(build, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return None, f"not buildable: {last_line(error)}"
    return [str(target.resolve() / "debug" / "reqwest-client")], ""


def found(program, *command):
    """A client that has to be there already."""
    place = shutil.which(program)
    return ([place, *command], "") if place else (None, f"{program} is not installed")


def last_line(error):
    said = getattr(error, "stderr", None) or str(error).encode()
    return said.decode(errors="replace").strip().splitlines()[-1:]


CLIENTS = {
    "curl": lambda *_: ([sys.executable, str(HERE / "curl_client.py")], "") if shutil.which("curl") else found("curl"),
    "httpx": lambda tools, _: venv(tools, "httpx"),
    "requests": lambda tools, _: venv(tools, "requests"),
    "reqwest": reqwest,
    "node": lambda *_: found("node", str(HERE / "node_client.mjs")),
}

if __name__ == "__main__":
    main()
