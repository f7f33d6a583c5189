import pytest

from catalog.dois import bare_doi


@pytest.mark.parametrize(
    "text",
    [
        "10.1/Ab",
        " 10.1/Ab ",
        "doi:10.1/Ab",
        "DOI: 10.1/Ab",
        "doi.org/10.1/Ab",
        "https://doi.org/10.1/Ab",
        "http://dx.doi.org/10.1/Ab",
        "HTTPS://DOI.ORG/10.1/Ab",
    ],
)
def test_doi_loses_what_stands_in_front_of_it(text):
    assert bare_doi(text) == "10.1/Ab"


@pytest.mark.parametrize("text", ["", "https://example.org/10.1/a", "10.1/doi:2"])
def test_other_text_is_left_alone(text):
    assert bare_doi(text) == text
