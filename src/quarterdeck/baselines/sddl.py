"""Access lists of Windows as SDDL, and whether one gives everybody more than another. Pure.

The words are those of Microsoft's "Security Descriptor Definition Language" (ACE strings, SID strings): kinds `A` and
`XA` allow, `D` and `XD` deny; rights are a hexadecimal mask or pairs of letters.
"""

import re

_ACE = re.compile(r"\(([A-Z]{1,2});([A-Z]*);([^;]*);[^;]*;[^;]*;([^;)]+)[;)]")
_LETTERS = re.compile(r"..")
# Everyone, authenticated, users, anonymous, guests, interactive, network, domain users and guests, all app packages.
_BROAD = frozenset({
    "WD", "AU", "BU", "AN", "BG", "LG", "IU", "NU", "DU", "DG", "AC", "S-1-1-0", "S-1-5-11", "S-1-5-32-545", "S-1-5-7",
    "S-1-5-32-546", "S-1-5-4", "S-1-5-2", "S-1-15-2-1",
})  # fmt: skip
_DOMAIN_GROUP = re.compile(r"S-1-5-21-\d+-\d+-\d+-51[34]", re.ASCII)
# Writing data, appending, deleting, and writing the access list or the owner; generic all and generic write.
_WRITING_MASK = 0x500D0046
_WRITING_WORDS = frozenset({"GA", "GW", "FA", "FW", "WD", "WO", "SD", "DC", "LC", "DT", "KA", "KW"})
_NULL_LIST = "NO_ACCESS_CONTROL"


def owner(sddl: str) -> str:
    """Return the owner's SID or its abbreviation, empty when the text names none."""
    found = re.match(r"O:(S-[0-9-]+|[A-Z]{2})", sddl)
    return found.group(1) if found else ""


def _access_list(sddl: str) -> str | None:
    """Return the part that decides about access, None when there is none: then everybody may do everything."""
    found = re.search(r"D:([A-Z_]*)((?:\([^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*\))*)", sddl)
    if found is None or _NULL_LIST in found.group(1):
        return None
    return found.group(2)


def _writes(rights: str) -> bool:
    if rights.lower().startswith("0x"):
        return bool(int(rights, 16) & _WRITING_MASK)
    return bool(_WRITING_WORDS.intersection(_LETTERS.findall(rights)))


def _is_broad(trustee: str) -> bool:
    return trustee in _BROAD or _DOMAIN_GROUP.fullmatch(trustee) is not None


def _broad(aces: str, kinds: frozenset[str]) -> set[tuple[str, str]]:
    """Return (trustee, rights) of the entries of these kinds that speak of everybody and of writing."""
    found = (entry.groups() for entry in _ACE.finditer(aces))
    return {(who, may) for kind, _, may, who in found if kind in kinds and _is_broad(who) and _writes(may)}


_ALLOWING, _DENYING = frozenset({"A", "XA"}), frozenset({"D", "XD"})


def is_widened(before: str, after: str) -> bool:
    """True when everybody may write more than before; `before` is empty for an object that was not there.

    A missing list counts as the widest there is, and an entry that forbade and is gone as a wider one.
    """
    if not after or before == after:
        return False
    new, old = _access_list(after), _access_list(before) if before else ""
    if new is None:
        return old is not None
    if old is None:
        return False
    return bool(_broad(new, _ALLOWING) - _broad(old, _ALLOWING) or _broad(old, _DENYING) - _broad(new, _DENYING))
