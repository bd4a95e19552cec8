"""Real tags: Debian's packages and Japan's characters, found where they are, or asked for."""

from __future__ import annotations

import gzip
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studygrid.errors import ConfigError, DataError
from studygrid.families.base import SPLITS, load_reference
from studygrid.families.prepared import PreparedData, PreparedParts
from studygrid.families.tagvae.data.debtags import prepare as debtags
from studygrid.families.tagvae.data.debtags import sources as debtags_sources
from studygrid.families.tagvae.data.debtags.options import DebtagsOptions
from studygrid.families.tagvae.data.kradfile import prepare as kradfile
from studygrid.families.tagvae.data.kradfile import sources as kradfile_sources
from studygrid.families.tagvae.data.kradfile.options import KradfileOptions
from studygrid.families.tagvae.datasets import DATASETS
from studygrid.plan import make_plan
from studygrid.preparation import prepare_data
from studygrid.records import write_record
from studygrid.spec import DataSpec
from tests.conftest import ROOT

PACKAGES = """\
0ad: game::strategy, interface::x11, role::program
0ad-data: game::strategy, role::app-data

a-untagged:
abe: interface::x11, game::strategy, role::program
abook: works-with::pim, role::program
"""


def packed(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    return path


def many(count: int) -> str:
    """Return packages with the tags a::0 to a::9, by the bits of their number."""
    lines = []
    for number in range(1, count + 1):
        tags = [f"a::{bit}" for bit in range(10) if number >> bit & 1]
        lines.append(f"p{number}: {', '.join(tags)}")
    return "\n".join(lines) + "\n"


def load(folder: Path, name: str) -> np.ndarray:
    array: np.ndarray = np.load(folder / f"{name}.npy")
    return array


def add_up(parts: PreparedParts) -> int:
    left_out = ("rows_without_enough_tags", "rows_duplicate", "rows_too_short_in_vocabulary")
    names = (*left_out, "rows_duplicate_in_vocabulary", "sample_count")
    return sum(parts.facts[name] for name in names)


def no_row_twice(folder: Path, parts: PreparedParts, min_row_tags: int) -> None:
    tags = load(folder, "tags")
    assert len(np.unique(tags, axis=0)) == len(tags) == parts.facts["sample_count"]
    assert tags.sum(1).min() >= min_row_tags
    assert sum(parts.splits[split].count for split in SPLITS) == len(tags)
    assert parts.facts["train_frequency"] == tags[load(folder, "train")].sum(0).tolist()
    assert (np.diff(parts.facts["train_frequency"]) <= 0).all()


# debtags


def test_packages_are_read_with_their_tags() -> None:
    lists = list(debtags.read_packages(PACKAGES.splitlines(), Path("x")))
    assert lists == [
        ["game::strategy", "interface::x11", "role::program"],
        ["game::strategy", "role::app-data"],
        [],
        ["interface::x11", "game::strategy", "role::program"],
        ["works-with::pim", "role::program"],
    ]


@pytest.mark.parametrize("place", ["tags-current.gz", "usr/share/debtags/tags-current.gz"])
def test_the_file_is_found_in_a_folder_and_by_itself(place: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "data" / "debtags" / place, many(1000))
    for given in (tmp_path / "data" / "debtags", path):
        options = DebtagsOptions(path=str(given), min_tag_rows=5, min_row_tags=2)
        assert debtags_sources.check_debtags(options) == []
        assert debtags_sources.tags_file(options) == path
        source = debtags_sources.debtags_source(options, tmp_path / "cache")
        parts = debtags.prepare(options, 8, tmp_path)
        assert parts.facts["rows_read"] == 1000 == add_up(parts)
        assert parts.facts["tags_read"] == 10
        no_row_twice(tmp_path, parts, 2)
    packed(path, many(999))
    assert debtags_sources.debtags_source(options, tmp_path / "cache") != source


def test_where_it_was_looked_for_and_how_to_get_it_is_told(tmp_path: Path) -> None:
    cases: list[tuple[str | None, list[Path]]] = [
        (None, [debtags_sources.INSTALLED]),
        (str(tmp_path / "no"), [tmp_path / "no"]),
        (
            str(tmp_path),
            [tmp_path / "usr/share/debtags/tags-current.gz", tmp_path / "tags-current.gz"],
        ),
    ]
    for path, looked in cases:
        options = DebtagsOptions(path=path)
        if all(not candidate.is_file() for candidate in looked):
            ((key, message),) = debtags_sources.check_debtags(options)
            assert key == "path"
            for expected in (*map(str, looked), "apt-get download debtags", "path: data/debtags"):
                assert expected in message
            with pytest.raises(DataError, match="dpkg-deb -x"):
                debtags.prepare(options, 5, tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no colon", r"line 2: is not `package: facet::tag, facet::tag` but 'no colon'"),
        (": a::b", "line 2"),
        ("p: a::b, plain", "line 2"),
        ("p: a::b,, c::d", "line 2"),
    ],
)
def test_a_line_that_is_no_package_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "tags-current.gz", f"p: a::b\n{line}\n")
    with pytest.raises(DataError, match=message):
        debtags.prepare(DebtagsOptions(path=str(path)), 1, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"0ad: a::b\n", gzip.compress(b"0ad: a::b\n" * 99)[:-9], gzip.compress(b"\xff\xfe: a")],
    ids=["empty", "plain", "cut off", "no UTF-8"],
)
def test_a_file_that_is_no_gzipped_text_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tags-current.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"tags-current\.gz: cannot be read|asked for, but 0"):
        debtags.prepare(DebtagsOptions(path=str(path), min_row_tags=1), 1, tmp_path)


def test_debians_own_tags(tmp_path: Path) -> None:
    unpacked = DebtagsOptions(path=str(ROOT / "data" / "debtags"))
    options = DebtagsOptions() if debtags_sources.INSTALLED.is_file() else unpacked
    if debtags_sources.check_debtags(options):
        pytest.skip("Debian's package debtags is neither installed nor unpacked in data/debtags")
    parts = debtags.prepare(options, 50, tmp_path)
    assert parts.facts["rows_read"] == add_up(parts) > 30_000
    assert parts.facts["tags_read"] > 400
    no_row_twice(tmp_path, parts, 3)
    assert all("::" in tag for tag in parts.facts["tags"])


# kradfile


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a made-up jamdict that can be found and not imported."""
    site = tmp_path / "site"
    folder = site / "jamdict" / "data"
    folder.mkdir(parents=True)
    (site / "jamdict" / "__init__.py").write_text("raise RuntimeError('imported')")
    info = site / "jamdict-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jamdict\nVersion: 9.9\n")
    (info / "RECORD").write_text("jamdict/__init__.py,,\njamdict/data/kradfile-u.gz,,\n")
    monkeypatch.syspath_prepend(str(site))
    parts = "一丨丶丿乙亅二亠人儿"
    lines = ["# KRADFILE", ""]
    for number in range(1, 1001):
        listed = " ".join(part for bit, part in enumerate(parts) if number >> bit & 1)
        lines.append(f"{chr(0x4E00 + number)} : {listed}")
    return packed(folder / "kradfile-u.gz", "\n".join(lines) + "\n")


def test_kanji_are_read_from_the_package_which_is_not_imported(
    package: Path, tmp_path: Path
) -> None:
    options = KradfileOptions(min_tag_rows=5)
    assert kradfile_sources.check_kradfile(options) == []
    assert kradfile_sources.kradfile_source(options, tmp_path) == "jamdict 9.9"
    parts = kradfile.prepare(options, 8, tmp_path)
    assert parts.facts["rows_read"] == 1000 == add_up(parts)
    assert set(parts.facts["tags"]) < set("一丨丶丿乙亅二亠人儿")
    no_row_twice(tmp_path, parts, 2)


def test_a_package_without_the_file_is_named(package: Path, tmp_path: Path) -> None:
    package.unlink()
    ((_, message),) = kradfile_sources.check_kradfile(KradfileOptions())
    assert "jamdict 9.9 holds no file kradfile-u.gz" in message
    with pytest.raises(DataError, match=r"pip install --no-deps jamdict==0\.1a11"):
        kradfile.prepare(KradfileOptions(), 5, tmp_path)


def test_a_missing_package_is_named_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(kradfile_sources, "distribution", nothing)
    ((_, message),) = kradfile_sources.check_kradfile(KradfileOptions())
    assert message == (
        "the package jamdict is not installed; pip install --no-deps jamdict==0.1a11.post2"
    )
    with pytest.raises(DataError, match="not installed"):
        kradfile_sources.kradfile_source(KradfileOptions(), tmp_path)


@pytest.mark.parametrize("line", ["明 日 月", "明 : ", "ab : 日", " : 日"])
def test_a_line_that_is_no_kanji_is_named(line: str) -> None:
    with pytest.raises(DataError, match=r"x, line 2: is not `kanji : component component`"):
        list(kradfile.read_kanji(["# comment", line], Path("x")))


def test_the_kanji_of_jamdict(tmp_path: Path) -> None:
    try:
        if version("jamdict") != "0.1a11.post2":
            pytest.skip("another jamdict is installed")
    except PackageNotFoundError:
        pytest.skip("jamdict is not installed")
    parts = kradfile.prepare(KradfileOptions(), 200, tmp_path)
    assert parts.facts["rows_read"] == 13_108 == add_up(parts)
    assert parts.facts["tags_read"] == 253
    no_row_twice(tmp_path, parts, 2)


# All of them


def test_what_the_snakefile_imports_stays_cheap() -> None:
    code = (
        "import sys, studygrid.families.tagvae.datasets; "
        "print({'numpy', 'scipy', 'pandas', 'torch', 'sklearn'} & sys.modules.keys())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_every_dataset_has_what_it_declares() -> None:
    assert list(DATASETS) == ["debtags", "kradfile", "tag_table", "tag_mixture"]
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert callable(load_reference(dataset.prepare))
        required = {"file": "a.csv"} if name == "tag_table" else {}
        assert dataset.train_size(dataset.options(**required)) is None
        assert dataset.licence
        assert dataset.citation


def test_missing_data_is_a_problem_of_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kradfile_sources, "FILE", "none.gz")
    config: dict[str, Any] = {
        "family": "tagvae",
        "models": {"mlp_vae": None},
        "grid": {"resolution": [8], "seed": 1},
        "results": str(tmp_path / "results"),
    }
    for section, message in (
        ({"name": "debtags", "path": str(tmp_path)}, "dataset.path.*apt-get download debtags"),
        ({"name": "tag_table", "file": str(tmp_path / "a.csv")}, r"dataset.file.*a\.csv does not"),
        ({"name": "kradfile"}, 'dataset.name: .*jamdict.*\\(it is "kradfile"\\)'),
        ({"name": "tag_mixture", "tags_per_row": 90}, r"dataset.*should be below `tags` \(64\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_plan({**config, "dataset": section})


def test_what_is_prepared_can_be_opened(tmp_path: Path) -> None:
    spec = DataSpec(
        family="tagvae", dataset="tag_mixture", options={}, resolution=16, source="drawn"
    )
    write_record(tmp_path / "data.json", prepare_data(spec, tmp_path))
    data = PreparedData(tmp_path / "data.json")
    tags = data.array("tags")
    assert tags.dtype == np.uint8
    assert tags.shape == (data.record.facts["sample_count"], len(data.record.facts["tags"]))
    rows = {split: {row.tobytes() for row in tags[data.indices(split)]} for split in SPLITS}
    assert not rows["train"] & (rows["validation"] | rows["test"])
    assert not rows["validation"] & rows["test"]
    assert data.record.duplicates_across_splits == []
