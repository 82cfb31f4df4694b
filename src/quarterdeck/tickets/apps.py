"""Django's name for this app."""

from django.apps import AppConfig


class TicketsConfig(AppConfig):
    """Tickets, approvals, policy; knows nothing of the capture apps."""

    name = "quarterdeck.tickets"
    label = "tickets"
