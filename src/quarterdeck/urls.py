"""The root of all addresses: pages at /, the API at /api/v1. It stands above both, which do not know each other."""

from django.urls import include, path

from quarterdeck.entrypoints.api.app import api

urlpatterns = [
    path("api/v1/", api.urls),
    path("", include("quarterdeck.entrypoints.web.urls")),
]
handler400 = "quarterdeck.entrypoints.web.errors.bad_request"
handler403 = "quarterdeck.entrypoints.web.errors.forbidden"
handler404 = "quarterdeck.entrypoints.web.errors.not_found"
handler500 = "quarterdeck.entrypoints.web.errors.broken"
