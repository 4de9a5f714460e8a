"""Pages through requests, which asks for gzip and decodes it by itself."""

import hashlib
import json
import sys

import requests

plan = json.load(open(sys.argv[1]))
print(f"requests {requests.__version__}")
with requests.Session() as session:
    session.headers["Authorization"] = plan["authorization"]
    for page in plan["pages"]:
        answer = session.get(page["url"], timeout=120)
        answer.raise_for_status()
        seen = {"encoding": answer.headers.get("content-encoding"), "sha256": hashlib.sha256(answer.content).hexdigest()}
        print(json.dumps(seen))
