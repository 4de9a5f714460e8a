"""Pages through httpx, which asks for gzip and decodes it by itself."""

import hashlib
import json
import sys

import httpx

plan = json.load(open(sys.argv[1]))
print(f"httpx {httpx.__version__}")
with httpx.Client(headers={"Authorization": plan["authorization"]}, timeout=120) as client:
    for page in plan["pages"]:
        answer = client.get(page["url"]).raise_for_status()
        seen = {"encoding": answer.headers.get("content-encoding"), "sha256": hashlib.sha256(answer.content).hexdigest()}
        print(json.dumps(seen))
