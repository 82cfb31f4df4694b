"""One person who calls the API with a token, as `qd` does; and what a refusal looks like from there."""

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.shop import password_of

from quarterdeck.personnel import api as personnel

CSV = b"Computer Name,CMMC Category,Owner Mail\r\nfiles01,CUI,casey@example.test\r\nprinter-2,CRMA,\r\n"


class Caller:
    """One person with a token, as `qd` is."""

    def __init__(self, shop, key):
        secret, _ = personnel.issue_token(f"{key}@example.test", password_of(key), shop.totp(key), clock=shop.clock)
        self.headers = {"authorization": f"Bearer {secret}"}
        self.client = Client()

    def call(self, method, path, body=None):
        send = getattr(self.client, method)
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return send(f"/api/v1{path}", headers=self.headers, **data)

    def upload(self, data=CSV, **fields):
        form = {"file": SimpleUploadedFile("assets.csv", data, "text/csv")} | fields
        return self.client.post("/api/v1/assets/import", form, headers=self.headers)


def codes(answer):
    assert answer.status_code in {403, 404, 409}, answer.content
    reasons = answer.json()["refused"]
    assert all(reason["sentence"] and reason["next_step"] for reason in reasons)
    return [reason["code"] for reason in reasons]
