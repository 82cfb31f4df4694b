"""Maintenance sessions of every kind: begun, ended, written down, explained. The only module others import."""

from quarterdeck.sessions.keeping import begin, disconnect, end, explain, record_manual
from quarterdeck.sessions.ports import AdmissionDesk, HeadKeeper, TargetSigner
from quarterdeck.sessions.reading import (
    all_sessions,
    check_all,
    check_row,
    running,
    session,
    sessions,
    still_connected,
)
from quarterdeck.sessions.rules import may_begin
from quarterdeck.sessions.terms import (
    Admitted,
    Ending,
    EndReason,
    Presented,
    SessionKind,
    SessionState,
    SessionView,
    Standing,
    StreamSum,
    Work,
)

__all__ = [
    "AdmissionDesk",
    "Admitted",
    "EndReason",
    "Ending",
    "HeadKeeper",
    "Presented",
    "SessionKind",
    "SessionState",
    "SessionView",
    "Standing",
    "StreamSum",
    "TargetSigner",
    "Work",
    "all_sessions",
    "begin",
    "check_all",
    "check_row",
    "disconnect",
    "end",
    "explain",
    "may_begin",
    "record_manual",
    "running",
    "session",
    "sessions",
    "still_connected",
]
