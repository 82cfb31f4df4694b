"""Run as a process: makes a database with an open ticket and a fresh work grant, prints their ids as JSON."""

import json
from datetime import timedelta

import django

django.setup()

from django.core.management import call_command  # noqa: E402  the models need Django first
from tests.access_shop import authorise, make_shop, open_ticket  # noqa: E402

from quarterdeck.access import api as access  # noqa: E402
from quarterdeck.adapters.openssh_ca import init_keys, new_private_key  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.evidence.api import act  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.personnel import api as personnel  # noqa: E402


def main() -> None:
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    init_keys(load().signer_folder)
    clock = SystemClock()
    shop = make_shop(clock)
    authorise(shop, "sam")
    open_ticket(shop)
    _, public = new_private_key()
    personnel.register_key(shop.people["sam"], public, actor=shop.actor("sam"), clock=clock)
    with act(shop.actor("sam"), clock) as current:
        given = access.create_grant(
            current,
            ticket=shop.ticket,
            person=shop.people["sam"],
            asset=shop.asset,
            connection=shop.connection,
            purpose=access.Purpose.WORK,
            public_key=public,
            valid_from=current.at,
            valid_until=current.at + timedelta(hours=1),
        )
    print(json.dumps({"ticket": shop.ticket, "grant": given.id, "key": public}))


if __name__ == "__main__":
    main()
