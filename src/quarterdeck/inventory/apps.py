"""Django's name for this app."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """Assets, connections and the entry-point register."""

    name = "quarterdeck.inventory"
    label = "inventory"
