"""Callbacks as their receivers verify them: with the libraries of the Standard Webhooks specification, from PyPI and from npm.

Run by `cargo xtask callbacks`. Serves an account with sample people and receives its callbacks: one that is taken, one that is refused at first
and comes again, one while the secret is exchanged. Each library must take every one of them as it came and none with a
character changed. A library that can't be installed is an error, in plain words: nothing is skipped.
"""

import argparse
import http.server
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ACCOUNT = "CALLBACKS"
PYPI, NPM = "standardwebhooks==1.1.0", "standardwebhooks@1.1.1"  # npm's stands in package-lock.json


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sayso", required=True, help="the program")
    parser.add_argument("--tools", required=True, help="where what has to be installed is kept between runs")
    args = parser.parse_args()
    tools = Path(args.tools).resolve()
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sayso-callbacks-") as folder:
        file = Path(folder) / "cases.json"
        cases = received(args.sayso, Path(folder))
        file.write_text(json.dumps(cases))
        outcomes = [outcome(name, file, len(cases), *library(tools)) for name, library in LIBRARIES.items()]
    for _, line in outcomes:
        print(line)
    if not all(right for right, _ in outcomes):
        sys.exit("a library does not take what it should, or takes what it should not, or could not be run")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it gets; answers 503 the first time to whoever asks for that."""

    heard = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        first = all(path != self.path for path, _, _ in self.heard)
        self.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(503 if first and "again" in self.path else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def received(program, folder):
    """What a library has to judge: [{"secret", "headers", "body", "good"}]."""
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    data = folder / "data"
    sayso = lambda *words: subprocess.run(
        [program, *map(str, words), "--data", str(data)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ).stdout
    sample = subprocess.run([program, "sample", "--account-file"], check=True, stdout=subprocess.PIPE, text=True).stdout
    (folder / "account.toml").write_text(sample)
    sayso("account", "create", ACCOUNT, "--from", folder / "account.toml")
    credentials = json.loads(sayso("credentials", "create", "--account", ACCOUNT, "--user", "Admin", "--json"))
    first = sayso("account", "webhook-secret", ACCOUNT).strip()
    with open(folder / "server.log", "w") as log:
        command = [program, "serve", "--listen", "127.0.0.1:0", "--data", str(data), "--allow-http-callbacks"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        url = server.stdout.readline().strip().removeprefix("listening on ")
        bearer = sign_in(url, credentials)

        def export(path):
            body = json.dumps({"CallbackURL": f"http://127.0.0.1:{receiver.server_port}{path}"}).encode()
            headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
            initiate = f"{url}/Profiles/v4/Async/{ACCOUNT}/Export/Segment/Everyone"
            urllib.request.urlopen(urllib.request.Request(initiate, body, headers)).close()

        export("/taken")
        export("/again")
        heard_by(lambda: len(Receiver.heard) >= 3)
        second = sayso("account", "webhook-secret", ACCOUNT, "--rotate").strip()
        export("/rotated")
        heard_by(lambda: len(Receiver.heard) >= 4)
    finally:
        server.terminate()
        server.wait(30)
    again = [headers["webhook-id"] for path, headers, _ in Receiver.heard if path == "/again"]
    if len(again) != 2 or again[0] != again[1]:
        sys.exit(f"a callback that comes again has the same webhook-id: {again}")
    cases = [case(first, headers, body, True) for _, headers, body in Receiver.heard]
    rotated = Receiver.heard[-1][1:]
    cases += [case(second, *rotated, True), case(second, *Receiver.heard[0][1:], False)]
    for secret in (first, second):
        for name in ("webhook-id", "webhook-timestamp"):
            changed = dict(rotated[0], **{name: other_end(rotated[0][name])})
            cases.append(case(secret, changed, rotated[1], False))
        cases += [case(secret, rotated[0], rotated[1][:at] + other(rotated[1][at]) + rotated[1][at + 1 :], False) for at in range(len(rotated[1]))]
    return cases


def case(secret, headers, body, good):
    return {"secret": secret, "headers": headers, "body": body, "good": good}


def other(character):
    return "1" if character == "0" else "0"


def other_end(text):
    return text[:-1] + other(text[-1])


def sign_in(url, credentials):
    """A bearer token."""
    form = {"grant_type": "client_credentials"} | {name: credentials[name] for name in ("client_id", "client_secret", "scope")}
    with urllib.request.urlopen(f"{url}/oauth/token", urllib.parse.urlencode(form).encode()) as answer:
        return json.load(answer)["access_token"]


def heard_by(holds):
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"a callback never came; there were {[path for path, _, _ in Receiver.heard]}")
        time.sleep(0.05)


def outcome(name, file, count, command, why_not):
    """(whether it judged rightly, a line that says so). A library's script prints a line for each case that it judges wrongly."""
    if command is None:
        return False, f"{name}: could not be run: {why_not}"
    done = subprocess.run([*command, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return False, f"{name}: failed: {done.stderr.strip()[-2000:]}"
    *wrong, judged = done.stdout.splitlines()
    if wrong or judged != f"judged {count}":
        return False, f"{name}: {judged}, of which wrongly: {wrong[:5]}"
    return True, f"{name}: {count} callbacks judged, all rightly"


def python(tools):
    place = tools / "venv" / "bin" / "python"
    try:
        if not place.exists():
            subprocess.run([sys.executable, "-m", "venv", tools / "venv"], check=True, capture_output=True)
        if subprocess.run([place, "-c", "import standardwebhooks"], capture_output=True).returncode != 0:
            subprocess.run([place, "-m", "pip", "install", "--quiet", PYPI], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return None, f"not installable: {last_line(error)}"
    return [str(place), str(HERE / "verify.py")], ""


def node(tools):
    for program in ("node", "npm"):
        if not shutil.which(program):
            return None, f"{program} is not installed"
    folder, lock = tools / "npm", (HERE / "package-lock.json").read_text()
    installed = folder / "package-lock.json"
    try:
        if not (folder / "node_modules").exists() or not installed.exists() or installed.read_text() != lock:
            folder.mkdir(parents=True, exist_ok=True)
            for file in ("package.json", "package-lock.json"):
                shutil.copy(HERE / file, folder)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return None, f"not installable: {last_line(error)}"
    return ["node", str(HERE / "verify.mjs"), str(folder)], ""


def last_line(error):
    said = getattr(error, "stderr", None) or str(error).encode()
    return said.decode(errors="replace").strip().splitlines()[-1:]


LIBRARIES = {f"PyPI {PYPI}": python, f"npm {NPM}": node}

if __name__ == "__main__":
    main()
