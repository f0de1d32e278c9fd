import pytest

from workflow_scripts.verification.expectations import decoded


def test_objects_are_decoded():
    assert decoded('{"batch":3}') == {"batch": 3}


@pytest.mark.parametrize("text", ["1234567890123456", "1e5", "2024", "true", ""])
def test_names_and_digests_that_look_like_numbers_stay_texts(text):
    assert decoded(text) == text
