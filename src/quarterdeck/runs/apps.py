"""Django's name for this app."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Runbooks, and their runs under tickets."""

    name = "quarterdeck.runs"
    label = "runs"
