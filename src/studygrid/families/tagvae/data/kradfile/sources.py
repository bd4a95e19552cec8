"""Where KRADFILE is within the package jamdict, which is not imported. Cheap to import."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.tagvae.data.kradfile.options import KradfileOptions

FILE = "kradfile-u.gz"
INSTALL = "pip install --no-deps jamdict==0.1a11.post2"


def kradfile_file() -> Path:
    """Return the path of the file.

    Raises
    ------
    DataError
        If the package is not installed or lacks the file.
    """
    try:
        installed = distribution("jamdict")
    except PackageNotFoundError:
        raise DataError(f"the package jamdict is not installed; {INSTALL}") from None
    for file in installed.files or []:
        path = Path(str(file.locate()))
        if file.name == FILE and path.is_file():
            return path
    raise DataError(
        f"jamdict {installed.version} holds no file {FILE}; install the version whose file is "
        f"known: {INSTALL}"
    )


def kradfile_train_size(options: KradfileOptions) -> None:
    """Return None: the size follows from the vocabulary, and only when all rows are read."""


def kradfile_source(options: KradfileOptions, cache: Path) -> str:
    """Return the version of the installed package, which holds the file.

    Raises
    ------
    DataError
        If it is not installed or lacks the file.
    """
    kradfile_file()
    return f"jamdict {version('jamdict')}"


def check_kradfile(options: KradfileOptions) -> list[tuple[str, str]]:
    """Return what lacks on this machine: key and message."""
    try:
        kradfile_file()
    except DataError as error:
        return [("name", str(error))]
    return []
