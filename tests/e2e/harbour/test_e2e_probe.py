import json
import os
import time


def test_probe(visit, shop):
    for key in shop.shop.people:
        t = visit(key)
        t.go("/")
        print(key, t.page.url, t.page.title())
    json.dump(
        {
            "url": shop.url,
            "imp": shop.impatient_url,
            "tickets": shop.tickets,
            "cookies": shop.cookies,
            "pkg": shop.shop.package,
            "assets": {k: v["id"] for k, v in shop.shop.assets.items()},
            "people": {
                k: {"email": m.email, "password": m.password, "secret": m.secret, "id": m.id, "last": m.last_step}
                for k, m in shop.shop.people.items()
            },
        },
        open("/tmp/e2e/live.json", "w"),
    )
    if os.path.exists("/tmp/e2e/hold"):
        while os.path.exists("/tmp/e2e/hold"):
            time.sleep(1)
