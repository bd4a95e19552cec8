"""The runner of the guide to VAE comparison, in Python: the same as `studygrid run`."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studygrid.errors import StudygridError

if TYPE_CHECKING:
    import pandas as pd

    from studygrid.commands.run_comparison import Project
    from studygrid.interchange.foreign.comparing import Compared, Given

_CONFIG = Path("config/studies/tags.yaml")
_NAMED = 5


class VAEExperimentRunner:
    """Trains configurations of tag VAEs, and compares what is there.

    Parameters
    ----------
    project_root
        The folder of the project: that of its Snakefile.
    configfile
        The study, from that folder; ``config/studies/tags.yaml`` if None.
    options
        Further options of `studygrid run`, such as ``["--seeds", "0", "--cores", "2"]``.

    Raises
    ------
    StudygridError
        If that is no such folder.
    """

    def __init__(
        self,
        project_root: Path | str = Path(),
        configfile: Path | str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.project_root = Path(project_root).absolute()
        if not (self.project_root / "workflow" / "rules" / "common.smk").is_file():
            raise StudygridError(f"{self.project_root}: has no Snakefile of studygrid")
        self.configfile = Path(configfile or _CONFIG)
        self._options = list(options)
        self._made: list[tuple[pd.DataFrame, Compared]] = []

    def run_configuration(
        self,
        config_name: str,
        model_variant: str,
        trainer_variant: str = "default",
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        beta: float | None = None,
        **overrides: Any,
    ) -> pd.DataFrame:
        """Train a configuration, as ``studygrid run --config`` does; runs that are there stay.

        The metrics of all runs that ended well are in the project's models/metrics afterwards.

        Parameters
        ----------
        config_name
            Its name.
        model_variant, trainer_variant
            The model of the config that it starts from, and the one whose training section it
            takes; ``default`` is the study's own.
        overrides
            Other keys of the model: ``latent=16``, ``**{"loss.beta_warmup": 0.2}``.

        Returns
        -------
        DataFrame
            Its runs: the columns of `studygrid.load_runs`.

        Raises
        ------
        StudygridError
            If something about it is wrong, or a run did not end well: the message says why.
        """
        named = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "beta": beta}
        settings = {key: value for key, value in named.items() if value is not None} | overrides
        words = [f"model={model_variant}", f"trainer={trainer_variant}"]
        words += [f"{key}={_written(key, value)}" for key, value in settings.items()]
        options = self._parsed(["--config", config_name, *words, *self._options])
        return self._trained(options, config_name)

    def _parsed(self, arguments: Sequence[str]) -> argparse.Namespace:
        from studygrid.commands import run

        parser = argparse.ArgumentParser(prog="VAEExperimentRunner", allow_abbrev=False)
        run.configure(parser)
        return parser.parse_args(["--configfile", str(self.configfile), *arguments])

    def _trained(self, options: argparse.Namespace, name: str) -> pd.DataFrame:
        from studygrid.commands.run import start
        from studygrid.commands.run_comparison import write_project_files
        from studygrid.configurations.custom_study import folders_of
        from studygrid.interchange.vae_project import check_project
        from studygrid.results.loading import load_runs

        with contextlib.chdir(self.project_root):
            check_project(self.project_root, folders_of(self.configfile).study)
            started = start(options)
            try:
                runs = load_runs(Path(started.plan.study.results), {"model": [name]}).frame
            except StudygridError as error:
                raise StudygridError(f"{name}: {error}") from None
        asked = {(run.resolution, str(run.n_train), run.seed) for run in started.part.runs}
        places = zip(runs["resolution"], runs["n_train"], runs["seed"], strict=True)
        runs = runs.loc[[place in asked for place in places]].reset_index(drop=True)
        _check_all_ok(runs, name)
        with contextlib.chdir(self.project_root):
            write_project_files(self._project(with_runs=True), {})
        return runs

    def _project(self, *, with_runs: bool) -> Project:
        from studygrid.commands.run_comparison import Project
        from studygrid.configurations.custom_study import folders_of

        return Project(self.project_root, folders_of(self.configfile), with_runs)

    def collect_results(self, metrics_dir: Path | str | None = None) -> list[Given]:
        """Return the runs that are there, for `compare_configurations`.

        Parameters
        ----------
        metrics_dir
            A folder of runs, from the present one, in any layout that `studygrid.collect` knows;
            if None, the results of the study and of its configurations.

        Raises
        ------
        NoRunsError
            If there are none.
        """
        from studygrid.commands.run_comparison import frames_there
        from studygrid.configurations.custom_study import folders_of
        from studygrid.interchange.foreign.collecting import collect

        if metrics_dir is not None:
            return [collect(metrics_dir)]
        with contextlib.chdir(self.project_root):
            return list(frames_there(folders_of(self.configfile)))

    def compare_configurations(self, results: Given | Iterable[Given]) -> pd.DataFrame:
        """Return the guide's table: one row a configuration, a mean over seeds in each column.

        Parameters
        ----------
        results
            What `collect_results` or `run_configuration` returned, a folder (from the present
            one), or several of these.

        Raises
        ------
        StudygridError
            If there is nothing to compare, or it is of another family.
        """
        import pandas as pd

        from studygrid.commands.compare import guide_columns
        from studygrid.commands.run_comparison import compare
        from studygrid.interchange.foreign.comparing import Given as Known
        from studygrid.interchange.vae_comparison import guide_rows

        given = [results] if isinstance(results, Known) else results
        here = [_from_here(one) for one in given]
        with contextlib.chdir(self.project_root):
            found = compare(here)
        if not guide_columns(found):
            raise StudygridError(
                f"the guide's table is of tag VAEs, and these runs are of {found.family.name}; "
                "studygrid.compare has a table for every family"
            )
        table = pd.DataFrame(guide_rows(found.comparison))
        self._made.append((table, found))
        return table

    def save_comparison(self, df: pd.DataFrame, output_dir: Path | str | None = None) -> Path:
        """Write comparison.csv, and beside it the table with intervals and the report.

        Parameters
        ----------
        df
            What `compare_configurations` returned.
        output_dir
            The folder, from the present one; ``outputs/vae_experiments`` of the project if None.

        Returns
        -------
        Path
            The file comparison.csv.

        Raises
        ------
        StudygridError
            If the table is not of this runner, or a file is there that is not the project's.
        """
        from studygrid.commands.compare import TABLE, report_of, write
        from studygrid.commands.run_comparison import write_comparison

        found = self._found(df)
        if output_dir is not None:
            write(found, report_of(found), Path(output_dir))
            return Path(output_dir) / TABLE
        with contextlib.chdir(self.project_root):
            project = self._project(with_runs=False)
        return write_comparison(found, report_of(found), project)[0]

    def generate_summary_report(self, df: pd.DataFrame) -> str:
        """Return who is best by each metric, and what the seeds can tell from it, in words.

        Parameters
        ----------
        df
            What `compare_configurations` returned.
        """
        from studygrid.commands.compare import report_of

        return report_of(self._found(df))

    def _found(self, df: pd.DataFrame) -> Compared:
        """Return the comparison that a table was made of."""
        for table, found in self._made:
            if table is df:
                return found
        raise StudygridError(
            "this table is not what compare_configurations of this runner returned: a copy has "
            "lost the seeds that the report is made of; hand over the table itself"
        )


def _written(key: str, value: Any) -> str:
    """Return a value as a command line has it; those of NumPy are numbers too."""

    def plain(other: Any) -> Any:
        if hasattr(other, "item") and hasattr(other, "tolist"):
            return other.tolist()
        raise StudygridError(f"{key}: a {type(other).__name__} is no value of a setting")

    return json.dumps(value, default=plain)


def _from_here(given: Given) -> Given:
    return Path(given).absolute() if isinstance(given, str | Path) else given


def _check_all_ok(runs: pd.DataFrame, name: str) -> None:
    """Refuse runs that did not end well.

    Raises
    ------
    StudygridError
        With each, its status and its reason.
    """
    from studygrid.results.frames import frame_rows

    bad = runs.loc[runs["status"] != "ok"]
    if bad.empty:
        return
    lines = [
        f"  {row['folder']}: {row['status']}{': ' if row['reason'] else ''}{row['reason'] or ''}"
        for row in frame_rows(bad)
    ]
    more = [f"  and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    raise StudygridError(
        "\n".join(
            [f"{name}: {len(bad)} of {len(runs)} runs did not end well:", *lines[:_NAMED], *more]
        )
    )
