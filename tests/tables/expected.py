"""What docs/tables.md says of each file, made of the NDJSON of the same rows. Knows nothing of how the program makes it."""

import json
from datetime import datetime, timezone

LISTS = "AlternateIds ProfileTags Groups CustomFields Consents ProfilePreferences Emails PhoneNumbers Addresses".split()
ADDRESS = "AddressType Address1 Address2 City StateProvince PostalCode CountryCode_Alpha2".split()
PREFERENCE = (
    "ProgramId ChannelId FilterId PreferenceType PreferenceStatus MatchType FrequencyId ReasonCode CustomerDate ExpirationDate "
    "LastModifiedDate UserId SourceId"
).split()

# A list of contacts, the member that holds its preferences, its kind, and the members that say which contact it is.
CONTACTS = (
    ("Addresses", "AddressPreferences", "Address", "AddressType", "Address1"),
    ("PhoneNumbers", "PhoneNumberPreferences", "Phone", "PhoneType", "PhoneNumber"),
    ("Emails", "EmailPreferences", "Email", "EmailAddressType", "EmailAddress"),
)


def lines(path):
    """The records of an NDJSON file."""
    with open(path, encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def cell(value):
    """A value as it stands in CSV: nothing for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def main_of(contacts):
    """The default contact, or else the first."""
    contacts = contacts or []
    return next((c for c in contacts if c["IsDefault"]), contacts[0] if contacts else {})


def preferences_of(row):
    """Every preference of a row with the contact that it is tied to."""
    for preference in row.get("ProfilePreferences") or []:
        yield {"ContactKind": "Profile", "ContactType": None, "Contact": None, "ContactIsActive": None}, preference
    for name, member, kind, kind_of, value in CONTACTS:
        for contact in row.get(name) or []:
            about = {"ContactKind": kind, "ContactType": contact[kind_of], "Contact": contact[value]}
            about["ContactIsActive"] = contact["IsActive"]
            for preference in contact.get(member) or []:
                yield about, preference


def csv_profiles(rows):
    """Of a profile each, as {column: text}; a column of JSON holds what the text means."""
    for row in rows:
        edited, name = row["Edited"], row["CustomerName"]
        email, phone, address = (main_of(row[contacts]) for contacts in ("Emails", "PhoneNumbers", "Addresses"))
        flat = {"ProfileId": row["ProfileId"], "IsActive": row["IsActive"]}
        flat |= {"CreateDate": edited["CreateDate"], "LastModifiedDate": edited["LastModifiedDate"]}
        flat |= {"RegistrationConfirmed": row["RegistrationConfirmed"], "CustomerType": row["CustomerType"]}
        flat |= {part: name[part] for part in ("Prefix", "FirstName", "MiddleName", "LastName", "Suffix")}
        flat |= {"DefaultLocale": row["DefaultLocale"]}
        flat |= {"Email": email.get("EmailAddress"), "EmailType": email.get("EmailAddressType")}
        flat |= {"Phone": phone.get("PhoneNumber"), "PhoneType": phone.get("PhoneType"), "PhoneIsMobile": phone.get("IsMobile")}
        flat |= {part: address.get(part) for part in ADDRESS}
        yield {column: cell(value) for column, value in flat.items()} | {column: row.get(column, "") for column in LISTS}


def csv_preferences(rows):
    """Of a preference each."""
    for row in rows:
        for about, preference in preferences_of(row):
            flat = {"ProfileId": row["ProfileId"], **about, **{part: preference[part] for part in PREFERENCE}}
            flat = {column: cell(value) for column, value in flat.items()}
            # A row of the segment without consents has preferences that don't tell theirs.
            flat |= {column: preference.get(column, "") for column in ("PreferenceAttributes", "Consents")}
            yield flat | {"ProfileIsActive": cell(row["IsActive"])}


def csv_deleted(rows):
    """Of a deleted profile each."""
    for row in rows:
        yield {column: cell(row[column]) for column in ("ProfileId", "DeletedDate", "ReasonCode")}


CSV = {"profiles": csv_profiles, "preferences": csv_preferences, "deleted": csv_deleted}
JSON_COLUMNS = {"profiles": LISTS, "preferences": ["PreferenceAttributes", "Consents"], "deleted": []}


def parquet_rows(shape, rows):
    """What a Parquet file of this shape holds: the members of the API, dates as moments."""
    if shape == "preferences":
        flat = lambda row, about, preference: {"ProfileId": row["ProfileId"], **about, **preference, "ProfileIsActive": row["IsActive"]}
        rows = (flat(row, *pair) for row in rows for pair in preferences_of(row))
    return [typed(row) for row in rows]


def may_be_mailed(rows):
    """Who may be sent the newsletter, and where. A deactivated person's opt-in stays as it was, and is none."""
    yes = lambda p: (p["FilterId"], p["PreferenceType"], p["PreferenceStatus"]) == ("NEWS-EMAIL", 1, "Active")
    active = (row for row in rows if row["IsActive"])
    return [(row["ProfileId"], e["EmailAddress"]) for row in active for e in row["Emails"] for p in e["EmailPreferences"] if yes(p)]


def typed(value, name=""):
    """A value of NDJSON as the typed one; the member's name says what is a date."""
    if isinstance(value, dict):
        return {name: typed(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    if name.endswith("Date") and value is not None:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc) if value else None
    return value
