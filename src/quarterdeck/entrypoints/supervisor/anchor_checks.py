"""What doctor says of the anchors: each holder, the oldest unanchored entry, and how independent all that is."""

from datetime import timedelta

from quarterdeck import wiring
from quarterdeck.config.api import Settings
from quarterdeck.entrypoints.supervisor.findings import Finding, fine, note, wrong
from quarterdeck.kernel.clock import Clock
from quarterdeck.workflows.anchor_standing import AnchorStanding, RouteStanding, RouteState, look

_FORM = "%Y-%m-%d %H:%M UTC"


def anchors(config: Settings, clock: Clock) -> list[Finding]:
    """Somebody else must hold the newest checkpoint soon; without a channel the log is self-attested only."""
    standing = look(wiring.anchor_routes(clock.now()), timedelta(minutes=config.anchor_target_minutes), clock.now())
    if standing.self_attested:
        without = "Mail has no holder yet: nobody is approver or CUI owner. " if config.smtp_host else ""
        stamped = " Time stamps prove a time; the authority keeps nothing." if standing.routes else ""
        alone = wrong(
            "anchors",
            f"{without}Self-attested only: nobody else holds a checkpoint, so whoever administers this server can "
            f"rewrite the log.{stamped}",
            "Set a way out: QD_SMTP_HOST (mail), QD_SYSLOG_ADDRESS (syslog), QD_CHECKPOINTS_URL (S3), QD_WITNESSES "
            "(witness); QD_TSA_URL and QD_TSA_CA_FILE add times. See docs/how-to/anchor-outside.md.",
        )
        return [*_files(config), *(_route(one) for one in standing.routes), alone]
    found = [*_files(config), *(_route(one) for one in standing.routes)]
    if not standing.independent:
        found.append(
            note("anchors", "Every anchor is held by the same administrator.", "Add one that somebody else holds.")
        )
    return [*found, _oldest(standing, clock)]


def _files(config: Settings) -> list[Finding]:
    """What the channels need is there before the first closing asks for it, and secrets are the owner's alone."""
    needed = {
        "QD_SYSLOG_CA_FILE": config.syslog_ca_file,
        "QD_SYSLOG_CERT_FILE": config.syslog_cert_file,
        "QD_SYSLOG_KEY_FILE": config.syslog_key_file,
        "QD_SMTP_PASSWORD_FILE": config.smtp_password_file,
        "QD_SMTP_CA_FILE": config.smtp_ca_file,
        "QD_TSA_CA_FILE": config.tsa_ca_file,
        "QD_TSA_TLS_CA_FILE": config.tsa_tls_ca_file,
    }
    found = [
        wrong("anchors", f"{name} names {path}, which is no file.", "Put it there, or name another.")
        for name, path in needed.items()
        if path is not None and not path.is_file()
    ]
    if config.tsa_url and config.tsa_ca_file is None:
        words = "QD_TSA_URL is set without QD_TSA_CA_FILE: no time stamp can be checked, so none is asked for."
        found.append(wrong("anchors", words, "Name the authority's root certificate."))
    for name in ("QD_SYSLOG_KEY_FILE", "QD_SMTP_PASSWORD_FILE"):
        path = needed[name]
        if path is not None and path.is_file() and path.stat().st_mode & 0o077:
            found.append(wrong("anchors", f"{name}: others than its owner may read {path}.", f"Run: chmod 600 {path}"))
    return found


def _oldest(standing: AnchorStanding, clock: Clock) -> Finding:
    if standing.oldest is None:
        return fine("anchors", "Every entry is covered by a checkpoint outside this server.")
    minutes = (clock.now() - standing.oldest.at).total_seconds() / 60
    words = f"The oldest unanchored entry ({standing.oldest.seq}) is {minutes:.0f} min old."
    if standing.late and standing.timely:
        return wrong("anchors", words, "See what the anchors above say, and whether they are reached from here.")
    if standing.late:
        return note(
            "anchors", words, "Add a holder of every checkpoint, such as syslog: the others wait for milestones."
        )
    return note("anchors", words)


def _route(one: RouteStanding) -> Finding:
    known = one.known
    topic, who = f"anchor {known.channel}", f"{known.target} ({one.grade.value.replace('_', ' ')})"
    last = "nothing yet" if known.taken_at is None else f"{known.taken_size} entries, {known.taken_at:{_FORM}}"
    waiting = f"{one.backlog} checkpoint{'' if one.backlog == 1 else 's'} not sent"
    if one.state is RouteState.FAILING:
        retry = "" if known.next_try is None else f" Next try {known.next_try:{_FORM}}."
        words = f"{who}: failed {known.failures} x, {known.sentence}. Last taken: {last}; {waiting}.{retry}"
        return wrong(topic, words, f"Mend it, then try it with `qd anchor try {known.id}`.")
    if one.state is RouteState.UNTRIED:
        return note(topic, f"{who}: {last}; {waiting}.")
    return fine(topic, f"{who}: {last}; {waiting}.")
