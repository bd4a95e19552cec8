"""``studygrid generalization``: two files of scans, models trained on more and more of one."""

from __future__ import annotations

import argparse
import contextlib
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.study_part import clone
from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.configurations.generalization_data import Asked
    from studygrid.configurations.generalization_study import GeneralizationStudy

CONFIG = Path("config/studies/generalization.yaml")
_LARGEST = 10**9
_MOST_SEEDS = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the command."""
    parser.add_argument("train", type=Path, metavar="TRAIN.npz", help="scan to train on")
    parser.add_argument("test", type=Path, metavar="TEST.npz", help="scan of another object")
    parser.add_argument("output", type=Path, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--n-train-sizes",
        nargs="+",
        metavar="N",
        help='training-set sizes, such as "128 256 all" (default: those of the config)',
    )
    parser.add_argument(
        "--n-test-images",
        metavar="N",
        help="test on a block of so many patterns (default: 500, or all where there are fewer)",
    )
    parser.add_argument("--seeds", metavar="N", help="how many (default: as the config has it)")
    parser.add_argument("--cores", metavar="N", help="CPU cores to use at most (all)")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would run, and write nothing"
    )
    parser.add_argument(
        "--configfile", type=Path, metavar="FILE", help=f"the study in place of {CONFIG}"
    )
    parser.add_argument("--profile", metavar="NAME", help="Snakemake's profile, such as slurm")
    parser.set_defaults(snakemake=[])


def run(options: argparse.Namespace) -> int:
    """Run the study and write its folder; return Snakemake's exit status, or 1."""
    from studygrid.commands.run import run_part
    from studygrid.configurations.generalization_data import absolute
    from studygrid.configurations.generalization_study import generalization_study

    asked = _asked(options)
    root = clone()
    config = root / CONFIG if options.configfile is None else absolute(options.configfile)
    if not config.is_file():
        raise StudygridError(f"{config}: is not there; name a config with --configfile")
    # Snakemake reads the config's paths from there.
    with contextlib.chdir(root):
        _check_output(asked)
        with generalization_study(config, asked, dry_run=options.dry_run) as study:
            status = run_part(study.plan, study.part, study.file, options)
        if options.dry_run:
            return status
        exported = _export(study, asked.output)
    if status:
        print(
            "Not all is done: what failed stands above. The same command goes on from here.",
            file=sys.stderr,
        )
    return status or exported


def _export(study: GeneralizationStudy, output: Path) -> int:
    """Write the layout of what is there now; return 1 if something could not be."""
    from studygrid.commands.export import describe_experiments
    from studygrid.errors import NoRunsError
    from studygrid.interchange.generalization_export import export_study
    from studygrid.results.study_results import study_results

    try:
        done = export_study(study_results(study.plan, Path(study.plan.study.results)), output)
    except NoRunsError as error:
        print(f"nothing to write yet: {error}", file=sys.stderr)
        return 1
    print(describe_experiments(done))
    return 1 if done.problems else 0


def _check_output(asked: Asked) -> None:
    """Refuse a folder that the layout cannot be written to, before hours of training.

    Raises
    ------
    StudygridError
        With why.
    """
    from studygrid.interchange.exported_files import exported_study
    from studygrid.interchange.generalization import INDEX

    output = asked.output
    if output.exists() and not output.is_dir():
        raise StudygridError(f"{output}: is a file; name a folder to write to")
    study = exported_study(output, INDEX)
    if study is not None and not (asked.folder / "config.yaml").is_file():
        raise StudygridError(
            f"{output}: holds an export of the study {study!r}; name another output folder"
        )


# --- The command line


def _asked(options: argparse.Namespace) -> Asked:
    from studygrid.configurations.generalization_data import Asked, absolute

    train, test = (_scan_file(getattr(options, name), name) for name in ("train", "test"))
    if train.samefile(test):
        raise StudygridError(
            f"{test}: is the training scan too; the test scan should be one of an object that is "
            "not trained on"
        )
    sizes = None if options.n_train_sizes is None else _sizes(options.n_train_sizes)
    return Asked(
        train=absolute(train),
        test=absolute(test),
        output=absolute(options.output),
        sizes=sizes,
        seeds=_count("--seeds", options.seeds, _MOST_SEEDS),
        test_patterns=_count("--n-test-images", options.n_test_images, _LARGEST),
        command=_words(options),
    )


def _scan_file(path: Path, name: str) -> Path:
    """Return the path of a file that is there and, by its name, an .npz."""
    what = f"the {'training' if name == 'train' else 'test'} scan"
    if not path.exists():
        raise StudygridError(f"{path}: does not exist; it should be {what}, an .npz file")
    if not path.is_file():
        raise StudygridError(f"{path}: is no file; it should be {what}, an .npz file")
    if path.suffix.lower() != ".npz":
        raise StudygridError(
            f"{path}: is no .npz file by its name; {what} is one, see docs/scan-files.md"
        )
    return path


def _sizes(given: Sequence[str]) -> list[int | str]:
    option = "--n-train-sizes"
    words = [word for text in given for word in re.split(r"[\s,]+", text) if word]
    if not words:
        raise StudygridError(f'{option}: names no size; write such as "128 256 all"')
    sizes = [word if word == "all" else _number(option, word, _LARGEST) for word in words]
    return list(dict.fromkeys(sizes))


def _count(option: str, text: str | None, most: int) -> int | None:
    return None if text is None else _number(option, text, most)


def _number(option: str, text: str, most: int) -> int:
    """Return a count from 1 to `most`."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    if not 1 <= number <= most:
        raise StudygridError(f"{option} {text}: should be a whole number from 1 to {most:,}")
    return number


def _words(options: argparse.Namespace) -> str:
    words = ["studygrid", "generalization", options.train, options.test, options.output]
    for option in ("n_train_sizes", "n_test_images", "seeds", "configfile"):
        value = getattr(options, option)
        if value is not None:
            values = value if isinstance(value, list) else [value]
            words += [f"--{option.replace('_', '-')}", *values]
    return shlex.join(map(str, words))
