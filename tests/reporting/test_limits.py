"""What a study did not try is told, and only there."""

from workflow_scripts.reporting.limits import NO_OTHER_REGISTER, limits


def test_what_was_not_tried_is_told(tables_of, calibrations_of):
    with_register = limits({"calibrations": calibrations_of("controls")}, tables_of("controls"))
    assert NO_OTHER_REGISTER not in with_register
    assert NO_OTHER_REGISTER in limits({"calibrations": calibrations_of("small")}, tables_of("small"))
    assert NO_OTHER_REGISTER not in limits({}, tables_of("one language"))
