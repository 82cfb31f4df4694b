"""Django's name for this app."""

from django.apps import AppConfig


class AssessorConfig(AppConfig):
    """Packages, the report, objective status."""

    name = "quarterdeck.assessor"
    label = "assessor"
