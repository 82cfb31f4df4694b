"""Django's name for this app."""

from django.apps import AppConfig


class ActivityConfig(AppConfig):
    """What the targets' own logs say of logins and commands, and the sealed accounts for the day of need."""

    name = "quarterdeck.activity"
    label = "activity"
