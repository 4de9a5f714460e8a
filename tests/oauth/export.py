"""What every Python library does with its token, by a session of its own: an export from Initiate to the last page."""

import time


def export(session, plan):
    """Runs it; gives how many records there were."""
    base = f"{plan['issuer']}/Profiles/v4/Async/{plan['account']}/Export"
    initiated = session.post(f"{base}/Segment/Everyone", json={})
    assert initiated.status_code == 200, initiated.text
    token = initiated.json()["AccessToken"]
    while (status := session.get(f"{base}/{token}/Status").json())["Status"] == "Processing":
        time.sleep(0.02)
    assert status["Status"] == "Complete", status
    page = session.get(f"{base}/{token}?limit=1000&keepAlive=true").json()
    records = len(page["UserProfilePreferences"])
    assert records == status["RowCount"] > 0, (records, status)
    return records


def is_ended(session, plan):
    """Asserts that the session's token is good for nothing any more."""
    answer = session.get(f"{plan['issuer']}/Profiles/v4/{plan['account']}/Profile/1")
    assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["www-authenticate"], answer.headers
