"""Values of --config have the types that they would have in the file."""

from __future__ import annotations

from studygrid.command_line import with_types


def test_nested_values_of_the_command_line_are_read_as_yaml_reads_them() -> None:
    given = {"grid": {"seed": "2", "resolution": ["32"]}, "execution": {"warm_workers": "false"}}
    merged = {"grid": {"seed": "2", "resolution": ["32"], "n_train": [8]}, **given}
    assert with_types(merged, given) == {
        "grid": {"seed": 2, "resolution": [32]},
        "execution": {"warm_workers": False},
    }


def test_a_quoted_number_of_the_file_stays_text() -> None:
    config = {"training": {"epochs": "3", "steps": "4"}}
    assert with_types(config, {"training": {"steps": "4"}}) == {
        "training": {"epochs": "3", "steps": 4}
    }


def test_words_stay_words_and_null_is_nothing() -> None:
    given = {"training": {"optimizer": "sgd", "gradient_clip": "null", "monitor": ""}}
    assert with_types(given, given)["training"] == {
        "optimizer": "sgd",
        "gradient_clip": None,
        "monitor": None,
    }
