"""Datasets by name: what can be told of them without reading a row."""

from __future__ import annotations

from studygrid.families.base import Dataset
from studygrid.families.tagvae.data.debtags.options import DebtagsOptions
from studygrid.families.tagvae.data.debtags.sources import (
    check_debtags,
    debtags_source,
    debtags_train_size,
)
from studygrid.families.tagvae.data.kradfile.options import KradfileOptions
from studygrid.families.tagvae.data.kradfile.sources import (
    check_kradfile,
    kradfile_source,
    kradfile_train_size,
)
from studygrid.families.tagvae.data.mixture.options import TagMixtureOptions
from studygrid.families.tagvae.data.mixture.sources import (
    tag_mixture_source,
    tag_mixture_tags,
    tag_mixture_train_size,
)
from studygrid.families.tagvae.data.table.options import TagTableOptions
from studygrid.families.tagvae.data.table.sources import (
    check_tag_table,
    tag_table_source,
    tag_table_train_size,
)

_DATA = "studygrid.families.tagvae.data"

_ALL = (
    Dataset(
        name="debtags",
        options=DebtagsOptions,
        prepare=f"{_DATA}.debtags.prepare:prepare",
        train_size=debtags_train_size,
        source=debtags_source,
        check=check_debtags,
        licence="Debian's package debtags is under the GPL-2; it states no licence of the tags "
        "apart from that",
        citation="Zini, A cute introduction to Debtags, Debian's debtags package",
    ),
    Dataset(
        name="kradfile",
        options=KradfileOptions,
        prepare=f"{_DATA}.kradfile.prepare:prepare",
        train_size=kradfile_train_size,
        source=kradfile_source,
        check=check_kradfile,
        licence="the package jamdict is MIT; its kradfile-u is copyright of Michael Raine, James "
        "Breen, the EDRDG, James Rose and the KanjiCafe.com, and names a grant of its own, "
        "www.kanjicafe.com/kradfile_license.htm, whose terms are not in the package",
        citation="Raine, Breen, Rose and the Electronic Dictionary Research and Development Group, "
        "KRADFILE-U: radical decomposition of 13,108 Japanese characters (2001, 2007, 2009)",
    ),
    Dataset(
        name="tag_table",
        options=TagTableOptions,
        prepare=f"{_DATA}.table.prepare:prepare",
        train_size=tag_table_train_size,
        source=tag_table_source,
        check=check_tag_table,
        licence="the user's own data",
        citation="the user's own data",
    ),
    Dataset(
        name="tag_mixture",
        options=TagMixtureOptions,
        prepare=f"{_DATA}.mixture.prepare:prepare",
        train_size=tag_mixture_train_size,
        source=tag_mixture_source,
        largest=tag_mixture_tags,
        licence="drawn here",
        citation="drawn here",
    ),
)
DATASETS = {dataset.name: dataset for dataset in _ALL}
