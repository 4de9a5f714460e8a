// OAuth by oauth4webapi, which holds every answer against its RFC: metadata, tokens, errors, challenges.

import { readFileSync } from 'node:fs'
import { webcrypto } from 'node:crypto'
import * as oauth from 'oauth4webapi'

globalThis.crypto ??= webcrypto

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { secret, rsa, ec } = plan.clients
const { version } = JSON.parse(readFileSync(new URL('./node_modules/oauth4webapi/package.json', import.meta.url), 'utf8'))
const issuer = new URL(plan.issuer)
const discovery = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' })
const server = await oauth.processDiscoveryResponse(issuer, discovery)
must(server.issuer === plan.issuer, server)
for (const method of ['client_secret_basic', 'client_secret_post', 'private_key_jwt']) {
  must(server.token_endpoint_auth_methods_supported.includes(method), server)
  must(server.revocation_endpoint_auth_methods_supported.includes(method), server)
}

function must(holds, seen) {
  if (!holds) throw new Error(`unexpected: ${JSON.stringify(seen)}`)
}

async function signingKey(client) {
  const der = Buffer.from(client.key.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const algorithm = client.alg === 'RS256' ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : { name: 'ECDSA', namedCurve: 'P-256' }
  return crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
}

async function token(client, authentication) {
  const parameters = new URLSearchParams({ scope: client.scope })
  const id = { client_id: client.client_id }
  const answer = await oauth.clientCredentialsGrantRequest(server, id, authentication, parameters)
  return oauth.processClientCredentialsResponse(server, id, answer)
}

async function call(accessToken, method, path, body) {
  const url = new URL(`${plan.issuer}/Profiles/v4/${path}`)
  const headers = new Headers(body ? { 'content-type': 'application/json' } : {})
  const answer = await oauth.protectedResourceRequest(accessToken, method, url, headers, body)
  must(answer.status === 200, answer.status)
  return answer.json()
}

async function exported(accessToken) {
  const base = `Async/${plan.account}/Export`
  const { AccessToken } = await call(accessToken, 'POST', `${base}/Segment/Everyone`, '{}')
  let status
  do {
    status = await call(accessToken, 'GET', `${base}/${AccessToken}/Status`)
  } while (status.Status === 'Processing')
  const page = await call(accessToken, 'GET', `${base}/${AccessToken}?limit=1000&keepAlive=true`)
  must(page.UserProfilePreferences.length === status.RowCount && status.RowCount > 0, status)
  return status.RowCount
}

for (const [name, client, authentication] of [
  ['client_secret_basic', secret, oauth.ClientSecretBasic(secret.client_secret)],
  ['client_secret_post', secret, oauth.ClientSecretPost(secret.client_secret)],
  ['private_key_jwt with RS256', rsa, oauth.PrivateKeyJwt(await signingKey(rsa))],
  ['private_key_jwt with ES256 and a kid', ec, oauth.PrivateKeyJwt({ key: await signingKey(ec), kid: ec.kid })],
]) {
  const given = await token(client, authentication)
  must(given.token_type === 'bearer' && given.expires_in === 3600 && given.scope === client.scope, given)
  const records = await exported(given.access_token)
  const revocation = await oauth.revocationRequest(server, { client_id: client.client_id }, authentication, given.access_token)
  await oauth.processRevocationResponse(revocation)
  try {
    await call(given.access_token, 'GET', `${plan.account}/Profile/1`)
    throw new Error('the token outlived its revocation')
  } catch (error) {
    // the library reads the challenge by its grammar
    must(error instanceof oauth.WWWAuthenticateChallengeError, String(error))
    const bearer = error.cause.find(challenge => challenge.scheme === 'bearer')
    must(error.status === 401 && bearer?.parameters.error === 'invalid_token', error.cause)
  }
  console.log(`oauth4webapi ${version}: ${name}: signed in, exported ${records} records, revoked`)
}

for (const [client, authentication] of [
  [secret, oauth.ClientSecretBasic('x'.repeat(64))],
  [secret, oauth.ClientSecretPost('x'.repeat(64))],
  [rsa, oauth.PrivateKeyJwt(await signingKey(ec))],
  [ec, oauth.PrivateKeyJwt({ key: await signingKey(ec), kid: rsa.kid })],
]) {
  try {
    await token(client, authentication)
    throw new Error('a stranger was let in')
  } catch (error) {
    // a 401 of the token endpoint comes with its challenge, which the library tells first
    const challenged = error instanceof oauth.WWWAuthenticateChallengeError && error.cause.some(c => c.scheme === 'basic')
    const told = error instanceof oauth.ResponseBodyError && error.error === 'invalid_client' && error.error_description
    must(challenged || told, String(error))
    must(error.status === 401, error.status)
  }
}
