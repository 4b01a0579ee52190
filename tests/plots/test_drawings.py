"""Every kind of picture: real bytes, said in words, readable on white and on nearly black."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest

from nbops import plots
from nbops.plots.drawing import INK, PALETTE, label, shown, thinned

HOSTILE = "$\\frac{<script>\n\x1b_"
TRUTH = ["no", "no", "yes", "yes", "yes", "no"]
CHANCES = [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7], [0.7, 0.3], [0.8, 0.2]]
GOALS = [plots.Goal(HOSTILE, "max"), plots.Goal("seconds", "min")]
TRIED = [
    plots.Tried({"lr": 0.1, "kind": HOSTILE, "on": True, "same": 1}, [0.9, 5.0], is_best=True),
    plots.Tried({"lr": 0.01, "kind": "b", "on": None, "same": 1}, [0.8, 2.0], is_best=True),
    plots.Tried({"lr": 0.001, "kind": "b", "on": False, "same": 1}, [0.7, 3.0]),
]


def drawings() -> dict[str, plots.Drawing]:
    answered = ["no", "yes", "yes", "yes", "no", "no"]
    return {
        "metrics": plots.metrics({HOSTILE: [plots.Line(HOSTILE, [0, 1, 2], [3.0, float("nan"), 1.0])]}),
        "metrics of runs": plots.metrics({"auc": [plots.Line("a", [0], [0.5]), plots.Line("_b", [0], [0.75])]}),
        "confusion": plots.confusion(TRUTH, answered, of="churn@1", rows="6 rows"),
        "roc": plots.roc(TRUTH, CHANCES, ["no", "yes"], of="churn@1", rows="6 rows"),
        "precision-recall": plots.precision_recall(TRUTH, CHANCES, ["no", "yes"], of="churn@1", rows="6 rows"),
        "calibration": plots.calibration(TRUTH, CHANCES, ["no", "yes"], of="churn@1", rows="6 rows"),
        "residuals": plots.residuals([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], of="price@1", rows="3 rows"),
        "importance": plots.importance({HOSTILE: 0.5}, of=HOSTILE, rows="9 rows", unit="change"),
        "drift": plots.drift(
            [
                plots.Pair(name="age", before=[0.5, 0.5], now=[0, 1], edges=[0, 1, 2], effect=0.5, drifted=True),
                plots.Pair(name="city", before=[1.0], now=[1.0], categories=[HOSTILE]),
            ],
            of="churn",
            rows="9 rows beside 90",
        ),
        "parallel": plots.parallel(TRIED, GOALS, of=HOSTILE, log=["lr", "kind"]),
        "history": plots.history(TRIED, GOALS, of=HOSTILE),
        "front": plots.front(TRIED, GOALS, of=HOSTILE),
        "parameters": plots.parameters({HOSTILE: 0.75, "lr": 0.25}, of=HOSTILE, metric=HOSTILE),
        "latency": plots.latency([1e9, 1e9 + 60], [2.0, 4.0], of="churn", rows="2 requests"),
    }


@pytest.mark.parametrize("kind", list(drawings()))
def test_each_kind_is_drawn_and_says_in_words_what_it_shows(kind: str) -> None:
    drawing = drawings()[kind]
    assert plots.render(drawing)[:8] == b"\x89PNG\r\n\x1a\n"
    svg = ElementTree.fromstring(plots.render(drawing, "svg"))
    assert shown(drawing.title, 90) in "".join(svg.itertext())
    assert len(drawing.caption) > 20


def test_captions_have_the_figures() -> None:
    found = {kind: drawing.caption for kind, drawing in drawings().items()}
    assert "66.7% of the answers are right" in found["confusion"]
    assert "yes 0.889" in found["roc"]
    assert "mean absolute 0.3333" in found["residuals"]
    assert "p50 3 ms" in found["latency"]
    assert "seconds 5 with lr=0.1, kind=" in found["parallel"]
    assert "The best seconds, 2, was the 2nd." in found["history"]
    assert "2 of 3 runs of" in found["front"]
    assert "vary among the runs of" in found["parameters"]
    assert "Drifted: age (effect 0.50)" in found["drift"]
    assert "a 0.5 at step 0" in found["metrics of runs"]


def test_the_same_numbers_give_the_same_bytes() -> None:
    first, second = (plots.render(drawings()["roc"], form) for form in ("svg", "svg"))
    assert first == second
    assert plots.render(drawings()["roc"]) == plots.render(drawings()["roc"])


def test_the_users_own_style_neither_shows_nor_is_lost() -> None:
    plain = plots.render(drawings()["metrics"])
    with matplotlib.rc_context({"figure.facecolor": "red", "text.usetex": True, "axes.titlesize": 40}):
        assert plots.render(drawings()["metrics"]) == plain
        assert matplotlib.rcParams["axes.titlesize"] == 40


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("colour", "least"), [(INK, 4.2), *((colour, 3.0) for colour in PALETTE)])
def test_colours_stand_out_in_both_themes(colour: str, least: float) -> None:
    for ground in ("#ffffff", "#111111"):
        light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least


def test_pictures_have_no_ground_of_their_own() -> None:
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(plots.render(drawings()["roc"]))).convert("RGBA")
    assert picture.getpixel((2, picture.height - 2))[3] == 0


def test_long_lines_are_thinned_to_their_end_and_the_caption_says_so() -> None:
    values = np.linspace(1, 0, 10_001).tolist()
    assert thinned(values, 1_000)[-1] == 0
    assert len(thinned(values, 1_000)) <= 1_001
    caption = plots.metrics({"loss": [plots.Line("long", range(10_001), values)]}).caption
    assert "10,001 values are drawn through 2,000 of them" in caption


def test_what_is_too_much_to_draw_is_counted() -> None:
    many = {f"m{place}": [plots.Line("run", [0, 1], [0, 1])] for place in range(12)}
    assert "the first 9 of 12 metrics are drawn" in plots.metrics(many).caption
    truth = [str(place) for place in range(30)]
    drawing = plots.confusion(truth, truth, of="m@1", rows="30 rows")
    assert "20 most frequent of 30 classes" in drawing.caption
    assert plots.render(drawing)


def test_a_name_that_begins_with_an_underscore_is_in_the_legend() -> None:
    assert not label("_private").startswith("_")


def test_of_many_points_the_best_are_lines_and_of_many_parameters_the_first_are_scales() -> None:
    params = {f"p{place}": place for place in range(10)}
    drawing = plots.parallel([plots.Tried(params, [1.0])] * 300, [plots.Goal("auc", "max")], of="train")
    assert "the best 200 of 300 runs" in drawing.caption
    assert "2 more parameters are not drawn" in drawing.caption
    assert plots.render(drawing)[1:4] == b"PNG"


@pytest.mark.parametrize("width", [4.0, 5.6, 9.0])
def test_long_title_stands_on_two_lines_that_fit_into_the_picture(width: float) -> None:
    drawn: list[matplotlib.figure.Figure] = []
    plots.render(plots.Drawing(kind="any", title="Wide names " * 40, caption="", draw=drawn.append, width=width))

    [title] = drawn[0].texts
    assert len(title.get_text().splitlines()) == 2
    # At the 200 dots to the inch of the file.
    assert title.get_window_extent().x1 <= 200 * width
