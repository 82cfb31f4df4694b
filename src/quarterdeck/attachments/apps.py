"""Django's name for this app."""

from django.apps import AppConfig


class AttachmentsConfig(AppConfig):
    """Uploads under way and what was attached to tickets."""

    name = "quarterdeck.attachments"
    label = "attachments"
