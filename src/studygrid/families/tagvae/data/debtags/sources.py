"""Where debtags' file of tags is. Cheap to import."""

from __future__ import annotations

from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.content import content_sha256
from studygrid.families.tagvae.data.debtags.options import DebtagsOptions

FILE = "tags-current.gz"
INSTALLED = Path("/usr/share/debtags") / FILE
INSTALL = (
    "install Debian's package debtags, or unpack it without root: apt-get download debtags && "
    "dpkg-deb -x debtags_*.deb data/debtags, then set `path: data/debtags`"
)


def tags_file(options: DebtagsOptions) -> Path:
    """Return the path of the file of tags.

    Raises
    ------
    DataError
        If it is in none of the places where it may be; the message names them.
    """
    candidates = _candidates(options)
    for path in candidates:
        if path.is_file():
            return path
    looked = " or ".join(map(str, candidates))
    raise DataError(f"there is no {looked}; {INSTALL}")


def _candidates(options: DebtagsOptions) -> list[Path]:
    if options.path is None:
        return [INSTALLED]
    path = Path(options.path).expanduser()
    if path.is_dir():
        return [path / INSTALLED.relative_to("/"), path / FILE]
    return [path]


def debtags_train_size(options: DebtagsOptions) -> None:
    """Return None: the size follows from the vocabulary, and only when all rows are read."""


def debtags_source(options: DebtagsOptions, cache: Path) -> str:
    """Return the hash of the file.

    Raises
    ------
    DataError
        If it is not there or cannot be read.
    """
    return content_sha256({FILE: tags_file(options)}, cache)


def check_debtags(options: DebtagsOptions) -> list[tuple[str, str]]:
    """Return what is wrong with the options: key and message."""
    try:
        tags_file(options)
    except DataError as error:
        return [("path", str(error))]
    return []
