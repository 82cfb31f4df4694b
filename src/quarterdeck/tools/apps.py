"""Django's name for this app."""

from django.apps import AppConfig


class ToolsConfig(AppConfig):
    """Tools, techniques and mechanisms."""

    name = "quarterdeck.tools"
    label = "tools"
