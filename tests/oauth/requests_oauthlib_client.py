"""OAuth by requests-oauthlib, with assertions by PyJWT, since it has none of its own for this grant."""

import json
import sys
import time
import uuid

import jwt
import requests
import requests_oauthlib
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests.auth import HTTPBasicAuth

from export import export, is_ended

plan = json.load(open(sys.argv[1]))
metadata = requests.get(f"{plan['issuer']}/.well-known/oauth-authorization-server").json()


def assertion(client, key=None):
    now = int(time.time())
    claims = {"iss": client["client_id"], "sub": client["client_id"], "aud": metadata["issuer"]}
    claims |= {"iat": now, "nbf": now, "exp": now + 60, "jti": str(uuid.uuid4())}
    signed = jwt.encode(claims, key or client["key"], algorithm=client["alg"], headers={"kid": client["kid"]})
    return {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": signed}


def signed_in(client, **how):
    session = requests_oauthlib.OAuth2Session(client=BackendApplicationClient(client["client_id"], scope=[client["scope"]]))
    session.fetch_token(metadata["token_endpoint"], **how)
    return session


secret, rsa, ec = (plan["clients"][name] for name in ("secret", "rsa", "ec"))
basic = HTTPBasicAuth(secret["client_id"], secret["client_secret"])
post = {"client_id": secret["client_id"], "client_secret": secret["client_secret"]}
for name, client, sign_in, revoke in [
    ("client_secret_basic", secret, lambda: {"auth": basic}, lambda: {"auth": basic}),
    ("client_secret_post", secret, lambda: {"include_client_id": True, **post}, lambda: {"data": post}),
    ("private_key_jwt with RS256", rsa, lambda: {"include_client_id": True, **assertion(rsa)}, lambda: {"data": assertion(rsa)}),
    ("private_key_jwt with ES256", ec, lambda: {"include_client_id": True, **assertion(ec)}, lambda: {"data": assertion(ec)}),
]:
    session = signed_in(client, **sign_in())
    records = export(session, plan)
    how = revoke()
    form = {"token": session.token["access_token"], "token_type_hint": "access_token"} | how.pop("data", {})
    ended = requests.post(metadata["revocation_endpoint"], data=form, **how)
    assert ended.status_code == 200, ended.text
    is_ended(session, plan)
    print(f"requests-oauthlib {requests_oauthlib.__version__}: {name}: signed in, exported {records} records, revoked")

for client, how in [
    (secret, {"auth": HTTPBasicAuth(secret["client_id"], "x" * 64)}),
    (secret, {"include_client_id": True, **post, "client_secret": "x" * 64}),
    (ec, {"include_client_id": True, **assertion(ec | {"client_id": rsa["client_id"]})}),
]:
    try:
        signed_in(client, **how)
    except InvalidClientError as error:
        assert error.status_code == 401 and error.description, error
    else:
        raise AssertionError(f"a stranger was let in by {list(how)}")
