"""Order and looks of languages: one for all studies, and told apart by those who see fewer colours."""

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb

from workflow_scripts.reporting.kit import heat, labels

# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour: str) -> np.ndarray:
    channels = np.array(to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    axes = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return axes @ np.cbrt(cones @ np.clip(rgb, 0, 1))


def contrast(one: str, other: str) -> float:
    low, high = sorted(linear(colour) @ (0.2126, 0.7152, 0.0722) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_ten_colours_are_told_apart(vision):
    assert len(set(labels.PALETTE)) >= 10
    seen = [oklab(np.array(VISION[vision]) @ linear(colour)) for colour in labels.PALETTE]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    # 0.02 is just noticed; the best known palettes of this size keep 0.06.
    assert min(distances) > 0.1


def test_colours_stand_out_from_paper():
    assert min(contrast(colour, "#ffffff") for colour in [*labels.PALETTE, labels.CONTROL_COLOUR]) >= 3


def test_numbers_in_the_matrix_can_be_read_on_every_colour():
    fills = [heat.fill(excess, 100) for excess in np.linspace(0, 400, 200)]
    assert min(contrast(fill, heat.ink(fill)) for fill in fills) >= 4.5
    # The number 1 and the share 1 are one thing.
    assert heat.fill(100, 100) == heat.fill(900.0, 100.0) == "#440154"


def test_well_known_languages_differ_in_more_than_colour():
    assert len(labels.PLACES) == len(set(labels.PLACES)) == len(labels.LANGUAGES)
    looks = [labels.look(name) for name in labels.PLACES]
    assert len({look.colour for look in looks[:10]}) == 10
    assert len({look.marker for look in looks[:10]}) == 10
    assert len({(look.colour, look.marker) for look in looks}) == len(looks)


def test_a_look_depends_on_the_name_alone():
    # Figures that are published must not change their colours: append to the list, and leave these.
    assert [labels.look(name).colour for name in ("en", "de", "sw", "zh")] == labels.PALETTE[:4]
    assert labels.look("xx") == labels.look("xx")
    assert labels.look("en+sw").colour in labels.PALETTE
    assert labels.look("shuffled", {"shuffled": "control"}).colour == labels.CONTROL_COLOUR


def test_order():
    assert labels.in_order(["en+sw", "sw", "none", "de", "sw"]) == ["de", "sw", "en+sw", "none"]
    kinds = {"a-random": "control", "mostly-sw": "mixture"}
    names = ["none", "a-random", "zh", "mostly-sw", "de+en", "de"]
    assert labels.in_order(names, kinds) == ["de", "zh", "de+en", "mostly-sw", "a-random", "none"]
    rows = pl.DataFrame({"method": ["b", "a", "a", "a"], "calibration": ["de", "none", "en+sw", "sw"]})
    assert labels.ranked(rows, "method", "calibration")["calibration"].to_list() == ["sw", "en+sw", "none", "de"]
    assert labels.ranked(rows.clear(), "method", "calibration").is_empty()
