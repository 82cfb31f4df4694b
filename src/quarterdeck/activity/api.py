"""Public verbs and reads of activity: the only module of this app that others import."""

from quarterdeck.activity.log_lines import target_log
from quarterdeck.activity.reading import (
    break_glass,
    break_glasses,
    check_commands,
    check_login,
    check_logins,
    check_seal,
    commands_of,
    last_read_until,
    login,
    logins,
    readings,
    sealed_accounts,
)
from quarterdeck.activity.recording import explain_login, record_reading, record_witnessed
from quarterdeck.activity.rules import gap_of, judge, witnessed
from quarterdeck.activity.sealing import retire, rotate, seal, verify_rotation
from quarterdeck.activity.terms import (
    BreakGlassView,
    CommandsView,
    Gap,
    How,
    Judged,
    KnownSerial,
    LoginView,
    ReadingView,
    SealState,
    SeenCommand,
    SeenLogin,
    Span,
    TargetLog,
    Verdict,
    Witnessed,
)

__all__ = [
    "BreakGlassView", "CommandsView", "Gap", "How", "Judged", "KnownSerial", "LoginView", "ReadingView", "SealState",
    "SeenCommand", "SeenLogin", "Span", "TargetLog", "Verdict", "Witnessed", "break_glass", "break_glasses",
    "check_commands", "check_login", "check_logins", "check_seal", "commands_of", "explain_login", "gap_of", "judge",
    "last_read_until", "login", "logins", "readings", "record_reading", "record_witnessed", "retire", "rotate", "seal",
    "sealed_accounts", "target_log", "verify_rotation", "witnessed",
]  # fmt: skip
