"""What doctor looks at in the evidence store: can it be reached, is it as it should be, what was found in it."""

from datetime import timedelta

from quarterdeck.adapters.store_key import StoreKey
from quarterdeck.config.api import Settings, store_key_file
from quarterdeck.entrypoints.supervisor.findings import Finding, fine, note, wrong
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.ports import Answer, StoreFailed
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import store_state

TOPIC = "evidence store"
LATE = timedelta(days=3)


def store_findings(config: Settings, clock: Clock) -> list[Finding]:
    """Return every finding about the store; its own properties are asked for now."""
    return [*_properties(config), *key_findings(config), *_inside(clock)]


def key_findings(config: Settings) -> list[Finding]:
    """Return whether the store key can be used and is the one that wrapped the keys of what lies on S3."""
    wrapped = evidence.keys_by_store_key()
    if not wrapped:
        return []
    try:
        identity = StoreKey(store_key_file(config)).identity()
    except StoreFailed as failed:
        return [wrong(TOPIC, str(failed), failed.next_step)]
    strange = sum(count for one, count in wrapped.items() if one != identity)
    if strange:
        words = f"The keys of {strange} files on S3 were wrapped by another store key than {store_key_file(config)}."
        return [wrong(TOPIC, words, "Put back the right one; without it those files cannot be read by anybody.")]
    lost = evidence.keyless(config.store_name) if config.evidence_url.startswith("s3:") else 0
    lacking = note(
        TOPIC,
        f"{lost} files have no key: they were stored before there were keys, or rows were taken from the database.",
        "Run `qd evidence scrub --all`; those that it finds missing come back with a backup of the database only.",
    )
    return [
        *([lacking] if lost else []),
        note(
            TOPIC,
            f"The store key {identity} opens the {sum(wrapped.values())} files on S3; nobody can read them without it.",
            "Keep it elsewhere too: qd backup --keys, or a copy of the file in a safe.",
        ),
    ]


def _properties(config: Settings) -> list[Finding]:
    try:
        facts = evidence.artifact_store().look()
    except (StoreFailed, Refused) as failed:
        step = failed.next_step if isinstance(failed, StoreFailed) else ""
        return [wrong(TOPIC, f"{failed}", step or "Look at QD_EVIDENCE_URL and what it names.")]
    found = []
    for one in facts:
        if one.answer is Answer.GOOD:
            found.append(fine(TOPIC, one.sentence))
        elif one.answer is Answer.UNSAID:
            found.append(note(TOPIC, one.sentence, one.next_step))
        else:
            found.append(wrong(TOPIC, one.sentence, one.next_step))
    return found


def _inside(clock: Clock) -> list[Finding]:
    state = store_state.store_state()
    found = []
    if state.wrong:
        altered = sum(event.endswith("altered") for event in state.wrong.values())
        words = f"{altered} files were altered and {len(state.wrong) - altered} are missing."
        found.append(wrong(TOPIC, words, "See `qd evidence status`; put them back from a backup and ask who did it."))
    if state.locks.failing:
        words = f"{state.locks.failing} locks could not be set: {state.locks.message}"
        found.append(wrong(TOPIC, words, "Give the credentials the right; it is tried again by itself."))
    if state.last_scrub is None or state.last_scrub.finished_at is None or not state.is_read:
        return [*found, note(TOPIC, store_state.NOT_READ, "At once: `qd evidence scrub --all`.")]
    if clock.now() - state.last_scrub.finished_at > LATE:
        return [*found, wrong(TOPIC, "The store was not read through for days.", "Look at the ticker's log.")]
    return [*found, fine(TOPIC, f"Last read through: {state.last_scrub.message}")]
