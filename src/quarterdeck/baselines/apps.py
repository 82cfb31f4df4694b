"""Django's name for this app."""

from django.apps import AppConfig


class BaselinesConfig(AppConfig):
    """Baselines of watched files and the drift between them."""

    name = "quarterdeck.baselines"
    label = "baselines"
