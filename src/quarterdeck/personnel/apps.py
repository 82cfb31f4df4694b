"""Django's entry for the people app; its label is the one that AUTH_USER_MODEL names."""

from django.apps import AppConfig


class PersonnelConfig(AppConfig):
    """Registers the people app; no signals are connected here."""

    name = "quarterdeck.personnel"
    label = "personnel"
    verbose_name = "People and vendors"
    default_auto_field = "django.db.models.BigAutoField"
