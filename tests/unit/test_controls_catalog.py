"""Reading an OSCAL catalogue for the wording: both revisions, and what is refused."""

import copy

import pytest

from quarterdeck.controls.api import MA_OBJECTIVES, OBJECTIVES, R3_DETERMINATIONS, load_catalog
from quarterdeck.kernel.decision import Refused


def r2_catalog(objectives=OBJECTIVES):
    """A catalogue of our own shape-alike: groups > controls > parts > parts, with invented prose."""
    controls = [
        {
            "id": o.oscal_id.split("_obj")[0],
            "parts": [
                {"name": "assessment-objective", "parts": [{"id": o.oscal_id, "prose": f"wording of {o.letter}. "}]}
            ],
        }
        for o in objectives
    ]
    return {"catalog": {"metadata": {"title": "Try", "version": "1"}, "groups": [{"id": "g", "controls": controls}]}}


def r3_catalog():
    def part_id(name):
        return "assessment-objective_DS-" + name.replace("[", ".").replace("]", "")

    parts = [{"id": part_id(d.id), "prose": d.label} for d in R3_DETERMINATIONS]
    inner = {"controls": [{"parts": parts}]}
    return {"catalog": {"metadata": {}, "groups": [{"controls": [inner]}]}}


def codes(document):
    with pytest.raises(Refused) as refused:
        load_catalog(document)
    return refused.value.decision.codes


def test_wording_of_revision_two():
    wording = load_catalog(r2_catalog())
    assert (wording.title, wording.version, wording.revision) == ("Try", "1", "r2")
    assert wording.of("MA.L2-3.7.2[d]") == "wording of d."
    assert wording.missing == ()
    assert len(wording.texts) == len(OBJECTIVES)


def test_wording_of_revision_three_in_nested_controls():
    wording = load_catalog(r3_catalog())
    assert wording.revision == "r3"
    assert wording.of("A.03.07.05.c[02]") == "Network connection ended when done"
    assert wording.title == "untitled catalogue"


def test_a_catalogue_of_the_family_alone_is_enough_and_says_what_is_missing():
    wording = load_catalog(r2_catalog(MA_OBJECTIVES))
    assert "AC.L2-3.1.4[a]" in wording.missing
    assert wording.of("AC.L2-3.1.4[a]") == ""


@pytest.mark.parametrize("document", [None, [], "catalog", 7, {}, {"catalog": []}, {"profile": {}}])
def test_something_else_is_refused(document):
    assert codes(document) == ("catalog.not_oscal",)


def test_a_catalogue_without_a_maintenance_objective_is_refused_by_name():
    document = r2_catalog([o for o in OBJECTIVES if o.id != "MA.L2-3.7.4[a]"])
    with pytest.raises(Refused, match=r"MA\.L2-3\.7\.4\[a\]"):
        load_catalog(document)


def test_other_ids_are_refused_with_examples():
    document = {"catalog": {"groups": [{"controls": [{"parts": [{"id": "_03.07.02_obj.a", "prose": "x"}]}]}]}}
    with pytest.raises(Refused, match=r"r2_3\.7\.2_obj\.a"):
        load_catalog(document)


def test_two_texts_for_one_objective_are_refused():
    document = r2_catalog()
    twin = copy.deepcopy(document["catalog"]["groups"][0])
    twin["controls"][0]["parts"][0]["parts"][0]["prose"] = "something else"
    document["catalog"]["groups"].append(twin)
    assert codes(document) == ("catalog.ambiguous",)


def test_a_catalogue_nested_without_end_is_refused():
    part = {"id": "x"}
    for _ in range(200):
        part = {"parts": [part]}
    assert codes({"catalog": {"groups": [{"controls": [part]}]}}) == ("catalog.too_deep",)


@pytest.mark.parametrize(
    "broken", [{"groups": 3}, {"groups": [None, 3, {"controls": "x"}]}, {"groups": [{"parts": {}}]}]
)
def test_broken_shapes_are_refused_not_crashed_on(broken):
    assert codes({"catalog": broken}) == ("catalog.unknown_ids",)
