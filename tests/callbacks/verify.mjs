// Judges callbacks with the library of npm; see run.py.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, file] = process.argv.slice(2);
const { Webhook, WebhookVerificationError } = createRequire(`${folder}/`)("standardwebhooks");

const cases = JSON.parse(readFileSync(file, "utf8"));
cases.forEach(({ secret, headers, body, good }, number) => {
  let taken = true;
  try {
    new Webhook(secret).verify(body, headers);
  } catch (error) {
    // it reads the body after the signature was found good
    taken = !(error instanceof WebhookVerificationError);
    if (taken && !(error instanceof SyntaxError)) throw error;
  }
  if (taken !== good) console.log(`case ${number}: taken ${taken}, should be ${good}`);
});
console.log(`judged ${cases.length}`);
