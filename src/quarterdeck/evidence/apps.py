"""Django's name for this app."""

from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    """The ledger, facts, artifacts, checkpoints."""

    name = "quarterdeck.evidence"
    label = "evidence"
