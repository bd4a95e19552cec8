"""Title and caption stay within the figure, however wide their letters are."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import framed
from studygrid.figures.style import house_style


def drawn(title: str, caption: str) -> Drawing:
    with house_style():
        figure = Figure()
        figure.subplots().plot([1, 2])
        table = pd.DataFrame({"x": [1, 2]})
        return framed(figure, table, title=title, caption=caption, entries={}, panel_height_in=2.0)


@pytest.mark.parametrize("letters", ["llll", "word", "WWWW"])
def test_words_are_within_the_figure(letters: str) -> None:
    words = " ".join([letters] * 60)
    drawing = drawn(words, words)
    width = drawing.figure.bbox.width
    for text in drawing.figure.texts:
        box = text.get_window_extent()
        assert (box.x0, box.x1) == pytest.approx((box.x0, min(box.x1, width)))
        assert box.x0 >= 0
        assert text.get_text().replace("\n", " ") == words


def test_narrow_letters_fill_the_line() -> None:
    words = " ".join(["word"] * 60)
    drawing = drawn("title", words)
    longest = max(len(line) for line in drawing.figure.texts[1].get_text().splitlines())
    assert longest > 100
