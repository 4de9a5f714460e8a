"""Answers that a check takes for failures though the specification wants them: which check, which status, which Message, and why.
Everything else that any check finds fails the run."""

import atexit
import collections
import json
import re

import schemathesis

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

EXCUSED = [
    # export.md, Retrieve: "Not complete yet: 503 with Retry-After"
    ("ServerError", 503, r"the export is still being generated"),
    # ... and few look through all profiles at once
    ("ServerError", 503, r"the server is looking through all profiles for others"),
    # export.md, Initiate: the same Idempotency-Key with another body is 422; whether a key was used before no schema can say
    ("RejectedPositiveData", 422, r"the Idempotency-Key was used with another request body"),
    # profile.md: ETag and If-Match, 412; which ETag is the present one no schema can say
    ("RejectedPositiveData", 412, r""),
    # ... and a call that is malformed besides is refused by it as well
    ("AcceptedNegativeData", 412, r""),
    # lists are matched by their natural key, so one that names a key twice is malformed; JSON Schema knows whole elements only
    ("RejectedPositiveData", 400, r"is the same .+ as .+; send it once"),
    # profile.md: a type, filter, consent type or field that isn't configured is 404, whatever the profile that it is sent to
    ("EnsureResourceAvailability", 404, r"(?s)^\S+\[\d+\]\S*: .+|.+ is not configured in this account"),
    # profile.md, PATCH: whether a path is there, and what the result is, depends on the document that is patched
    ("RejectedPositiveData", 400, r"", "PATCH"),
    # what a filter's channel takes is the account's to say: such a preference belongs to another kind of contact, or to a mobile phone
    ("RejectedPositiveData", 400, r": filter .+ has the channel "),
    # what a configuration refers to has to be there, and things don't stand within themselves: 400 (configuration.md)
    ("RejectedPositiveData", 400, r"is no (configured |segment of this account)"),
    ("RejectedPositiveData", 400, r"would stand within itself"),
    ("RejectedPositiveData", 400, r"^(ProgramID: is missing|(Min|MinLength): is greater than Max)"),
    ("RejectedPositiveData", 400, r"stands at \S+ already; names are unique"),
    # which expressions the engine reads its grammar says
    ("RejectedPositiveData", 400, r"^RegularExpression: .+ is no regular expression"),
    # configuration.md: what a definition of a segment names is checked when it is saved: 400 with the path in it
    ("RejectedPositiveData", 400, r"^Criteria\b"),
    ("RejectedPositiveData", 400, r"^(Name|UserId): .+ isn't .+, which the address names"),
    # searches and groups: which parameters go together OpenAPI can't say
    ("RejectedPositiveData", 400, r"^the parameter address1, city, stateProvince or postalCode is missing$"),
    ("RejectedPositiveData", 400, r"^exactly one of profileId, alternateId, emailAddress, phoneNumber names the primary profile$"),
    ("RejectedPositiveData", 400, r"^(attributes\[\d+\]\.Key|customFields\[\d+\]\.(Name|Value)): is missing\b"),
    ("RejectedPositiveData", 400, r"^the parameter alternateIdType is missing$"),
    # RFC 6749, 2.3 and RFC 7521, 4.2: which of the ways to show a client go together
    ("RejectedPositiveData", 400, r"^the client shows itself in more than one way|^client_assertion and client_assertion_type go together"),
    ("RejectedPositiveData", 400, r"^client_id is one in the Authorization header and another in the form"),
    # RFC 6749, 3.2: a parameter without a value is none
    ("RejectedPositiveData", 400, r"^the parameter (grant_type|token) is missing"),
    # what is the PEM of a sound key no schema can say
    ("RejectedPositiveData", 400, r"^Certificate: "),
]

excuses = collections.Counter()


@schemathesis.hook
def filter_failure(context, failure, case, response):
    for entry in EXCUSED:
        if excused(entry, failure, response):
            excuses[entry] += 1
            return False
    return True


def excused(entry, failure, response):
    check, status, message, *method = entry
    if type(failure).__name__ != check or response.status_code != status or response.request.method not in (method or METHODS):
        return False
    body = json.loads(response.content)
    # of the OAuth calls RFC 6749, 5.2, has the form
    return re.search(message, body.get("Message", body.get("error_description")) or "") is not None


@atexit.register
def tell():
    for entry, times in excuses.most_common():
        print(f"excused {times} times:", *entry)
