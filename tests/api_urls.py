"""The API alone under its address, for tests of it that need no page."""

from django.urls import path

from quarterdeck.entrypoints.api.app import api

urlpatterns = [path("api/v1/", api.urls)]
