"""Django's name for this app; Django itself has an app labelled `sessions`."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    """Maintenance sessions of every kind."""

    name = "quarterdeck.sessions"
    label = "maintenance_sessions"
