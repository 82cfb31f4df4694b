"""Django's name for this app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Access grants: who may reach which account of which target, until when."""

    name = "quarterdeck.access"
    label = "access"
