"""Django's name for this app."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Backup sources of assets and the proofs taken from them."""

    name = "quarterdeck.backups"
    label = "backups"
