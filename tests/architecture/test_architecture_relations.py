"""Foreign keys obey the layers: down or inside the app, never up, never to a sibling. import-linter can't see them."""

from django.apps import apps
from tests.architecture.layers import layers, rank


def _app_of(model: type) -> str | None:
    parts = model.__module__.split(".")
    return parts[1] if parts[0] == "quarterdeck" else None


def _relations() -> list[tuple[str, str, str]]:
    found = []
    for model in apps.get_models(include_auto_created=True):
        source = _app_of(model)
        for field in model._meta.get_fields():
            if source and field.is_relation and not field.auto_created and field.related_model:
                target = _app_of(field.related_model)
                if target:
                    found.append((source, target, f"{model.__name__}.{field.name}"))
    return found


def test_every_foreign_key_points_inside_its_app_or_down():
    wrong = [where for source, target, where in _relations() if source != target and rank(source) >= rank(target)]
    assert wrong == [], f"these relations point up or to a sibling: {wrong}"


def test_relations_are_looked_at():
    assert _relations(), "no relation found: the walk over the models is broken"


def test_every_app_of_ours_stands_in_a_layer():
    known = set().union(*layers())
    ours = {config.name.split(".")[1] for config in apps.get_app_configs() if config.name.startswith("quarterdeck.")}
    assert ours <= known


def test_labels_of_apps_are_their_names_but_for_sessions():
    odd = {
        config.name: config.label
        for config in apps.get_app_configs()
        if config.name.startswith("quarterdeck.") and config.label != config.name.split(".")[-1]
    }
    assert odd in ({}, {"quarterdeck.sessions": "maintenance_sessions"})
