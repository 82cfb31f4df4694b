"""Which keys access takes now: the installation's settings, raised by the sealed policy in force."""

from quarterdeck.access.key_policy import KeyPolicy
from quarterdeck.tickets import api as tickets


def demanded_keys(least: KeyPolicy) -> KeyPolicy:
    """Return what counts now; Refused(policy.unsealed) for a policy that the ledger does not vouch for."""
    in_force = tickets.policy()
    return least.raised(
        cui=in_force.flag("verified_keys_for_cui_assets"), everywhere=in_force.flag("verified_keys_for_all_assets")
    )
