"""OAuth by Authlib."""

import json
import sys

import authlib
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc.jwk import ECKey, RSAKey

from export import export, is_ended

plan = json.load(open(sys.argv[1]))
answer = requests.get(get_well_known_url(plan["issuer"], external=True))
metadata = AuthorizationServerMetadata(answer.json())
assert metadata["issuer"] == plan["issuer"], metadata
metadata.validate()


def signed_in(client, method, key=None):
    session = OAuth2Session(
        client["client_id"],
        key or client.get("client_secret"),
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope=client["scope"],
    )
    if method == "private_key_jwt":
        session.register_client_auth_method(PrivateKeyJWT(metadata["token_endpoint"], alg=client["alg"]))
    session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    return session


def refused(client, method, key=None):
    try:
        signed_in(client, method, key)
    except OAuthError as error:
        assert error.error == "invalid_client" and error.description, error
    else:
        raise AssertionError(f"{method} let in a stranger")


secret, rsa, ec = (plan["clients"][name] for name in ("secret", "rsa", "ec"))
for name, client, method, key in [
    ("client_secret_basic", secret, "client_secret_basic", None),
    ("client_secret_post", secret, "client_secret_post", None),
    ("private_key_jwt with RS256", rsa, "private_key_jwt", RSAKey.import_key(rsa["key"])),
    ("private_key_jwt with ES256", ec, "private_key_jwt", ECKey.import_key(ec["key"])),
]:
    session = signed_in(client, method, key)
    assert session.token["token_type"] == "Bearer" and session.token["scope"] == client["scope"], session.token
    records = export(session, plan)
    ended = session.revoke_token(metadata["revocation_endpoint"], session.token["access_token"], token_type_hint="access_token")
    assert ended.status_code == 200, ended.text
    is_ended(session, plan)
    print(f"Authlib {authlib.__version__}: {name}: signed in, exported {records} records, revoked")

refused(secret | {"client_secret": "x" * 64}, "client_secret_basic")
refused(secret | {"client_secret": "x" * 64}, "client_secret_post")
refused(rsa, "private_key_jwt", RSAKey.generate_key(2048))
refused(ec, "private_key_jwt", ECKey.generate_key("P-256"))
refused(ec | {"client_id": rsa["client_id"]}, "private_key_jwt", ECKey.import_key(ec["key"]))
