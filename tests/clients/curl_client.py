"""Pages through `curl --compressed`, a hundred to a call, written to files as a user's script would."""

import hashlib
import json
import os
import subprocess
import sys

plan = json.load(open(sys.argv[1]))
version = subprocess.run(["curl", "--version"], check=True, capture_output=True, text=True).stdout.split()
print(f"curl {version[1]}")
for first in range(0, len(plan["pages"]), 100):
    pages = plan["pages"][first : first + 100]
    lines = [f'header = "Authorization: {plan["authorization"]}"']
    lines += [f'url = "{page["url"]}"\noutput = "page-{at}"' for at, page in enumerate(pages)]
    with open("config", "w") as config:
        config.write("\n".join(lines))
    command = ["curl", "--compressed", "--silent", "--show-error", "--fail", "--config", "config"]
    told = subprocess.run([*command, "--write-out", "%header{content-encoding}\\n"], check=True, stdout=subprocess.PIPE, text=True)
    for at, encoding in enumerate(told.stdout.splitlines()):
        with open(f"page-{at}", "rb") as file:
            print(json.dumps({"encoding": encoding, "sha256": hashlib.sha256(file.read()).hexdigest()}))
        os.remove(f"page-{at}")
