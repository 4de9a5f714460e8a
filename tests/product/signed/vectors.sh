#!/bin/sh
# Vectors of the signed header, made by OpenSSL and nothing of ours: client id, user, key and the header, a line each, tabs between.
# vectors.txt is what this prints; the test `signed` runs it again where there is an openssl.
set -eu

vector() { # hash, client id, user, issued, key
    key=$(printf '%s' "$5" | od -An -v -tx1 | tr -d ' \n')
    signature=$(printf '%s:%s:%s' "$2" "$3" "$4" | openssl dgst "-$1" -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
    scheme=PNAUTHINFO3-HMAC-$(printf '%s' "$1" | tr a-z A-Z)
    printf '%s\t%s\t%s\t%s Credential=%s/%s Signature=%s\n' "$2" "$3" "$5" "$scheme" "$3" "$4" "$signature"
}

short=0123456789abcdefghijklmnopqrstuv
exact='!"#$%&()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_ab'
long=$exact$exact$exact
for hash in sha256 sha384 sha512; do
    vector $hash ACME_CORP Nightly 2026-06-15T12:00:00.000Z $short
    vector $hash acme_corp nIGHTLY 2026-06-15T12:00:00Z "$exact"
    vector $hash ACME_CORP Nightly 2026-06-15T08:00:00.123456789-04:00 "$long"
    vector $hash ACME_CORP Nightly 2026-06-15T12:00:00 $short
    vector $hash ACME_CORP Nightly 2026-06-15T08:00:00 $short
    vector $hash ACME_CORP Jürgen.Groß 2026-06-15T12:00:00.5+00:00 $short
done
