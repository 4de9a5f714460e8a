// Pages through node's fetch, which asks for gzip and decodes it by itself.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(`node ${process.versions.node} fetch`);
for (const page of plan.pages) {
  const answer = await fetch(page.url, { headers: { Authorization: plan.authorization } });
  if (!answer.ok) throw new Error(`${answer.status} of ${page.url}`);
  const body = Buffer.from(await answer.arrayBuffer());
  const sha256 = createHash("sha256").update(body).digest("hex");
  console.log(JSON.stringify({ encoding: answer.headers.get("content-encoding"), sha256 }));
}
