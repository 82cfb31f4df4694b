import json
def test_probe(visit, shop):
    print(json.dumps(shop.tickets))
    for key in shop.shop.people:
        t = visit(key); t.go("/"); print(key, t.page.url, t.page.title())
