"""Checks the config before anything else, then names what the rules use."""

import json
import os
import re
import sys
from pathlib import Path

SOURCE = Path(workflow.basedir) / "src"
# Jobs run the code that the fingerprints are of, with the Python that runs Snakemake; an
# environment of --sdm conda is activated later and comes before it.
sys.path.insert(0, str(SOURCE))
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")])
    ),
    PATH=os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    ),
)

from snakemake.exceptions import ApiError, WorkflowError

from studygrid.command_line import with_types
from studygrid.errors import ConfigError, StudygridError
from studygrid.execution import fingerprints
from studygrid.execution.devices import visible_gpus
from studygrid.execution.resources import LONGEST_MIN, Needs
from studygrid.execution.session import Session
from studygrid.grid import run_of_path
from studygrid.interchange.resomap import layout_files
from studygrid.plan import make_plan
from studygrid.tables.files import table_files

if not Path.cwd().samefile(workflow.basedir):
    raise WorkflowError(
        f"run Snakemake in {workflow.basedir}, the folder of its Snakefile, and not in {Path.cwd()}; "
        "the config's `results` may name a folder anywhere"
    )

try:
    plan = make_plan(
        with_types(config, workflow.config_settings.config),
        [Path(file) for file in workflow.configfiles],
    )
except ConfigError as error:
    raise WorkflowError(str(error))

RESULTS = plan.study.results
EXECUTION = plan.study.execution
RUN = f"{RESULTS}/runs/{{model}}/res{{resolution}}/n{{n_train}}/seed{{seed}}"
FIGURES = f"{RESULTS}/figures"
TABLES = f"{RESULTS}/tables"
INFERENCE = f"{RESULTS}/inference"
PROFILE = f"{RESULTS}/profiles/{{model}}/res{{resolution}}.json"
SHARDS = {spec.stem: spec for spec in plan.shards}
SHARD = f"{EXECUTION.shards}/{plan.dataset.name}/{{shard}}"

needs = Needs(plan, Path(RESULTS))
session = Session(plan, Path(RESULTS), workflow, refusal=ApiError)
session.greet()


def one_of(values):
    """Return the pattern of some values; of none, one that matches nothing."""
    longest_first = sorted(map(str, values), key=len, reverse=True)
    return "|".join(map(re.escape, longest_first)) or "(?!)"


wildcard_constraints:
    model=one_of(plan.axis("model")),
    resolution=one_of(plan.axis("resolution")),
    n_train=one_of(plan.axis("n_train")),
    seed=one_of(plan.axis("seed")),
    shard=one_of(SHARDS),


def run_of(wildcards):
    """Return the run that the wildcards of a rule name."""
    return run_of_path(RUN.format(**wildcards))


def shard_spec(wildcards):
    """Return the spec of `shard`."""
    return SHARDS[wildcards.shard].to_json()


def data_spec(wildcards):
    """Return the spec of `prepare`; it holds the content hash of the raw data."""
    try:
        return plan.data_spec(
            int(wildcards.resolution), Path(RESULTS) / "data"
        ).to_json()
    except StudygridError as error:
        raise WorkflowError(str(error))


def train_spec(wildcards):
    """Return the spec of `train`."""
    return plan.train_spec(run_of(wildcards)).to_json()


def profile_spec(wildcards):
    """Return the spec of `profile`."""
    return plan.profile_spec(wildcards.model, int(wildcards.resolution)).to_json()


def architecture_of(wildcards):
    """Return the name of a model's architecture."""
    return plan.models[wildcards.model].architecture.name


def prepare_code(wildcards):
    """Return the fingerprint of the code that prepares the data."""
    return fingerprints.prepare_code(plan.family, plan.dataset.name)


def train_code(wildcards):
    """Return the fingerprint of the code that trains a model."""
    monitor = plan.models[wildcards.model].training.monitor
    return fingerprints.train_code(plan.family, architecture_of(wildcards), monitor)


def evaluate_code(wildcards):
    """Return the fingerprint of the code that scores a model."""
    return fingerprints.evaluate_code(plan.family, architecture_of(wildcards))


def infer_code(wildcards):
    """Return the fingerprint of the code that scores a model again."""
    return fingerprints.infer_code(plan.family, architecture_of(wildcards))


def inference_summary_code(wildcards):
    """Return the fingerprint of the code of what inference found, and of its figures."""
    return fingerprints.inference_summary_code(plan.inference_figures)


def profile_code(wildcards):
    """Return the fingerprint of the code that measures a model."""
    return fingerprints.profile_code(plan.family, architecture_of(wildcards))


def aggregate_code(wildcards):
    """Return the fingerprint of the code of the tables."""
    return fingerprints.aggregate_code()


def figures_code(wildcards):
    """Return the fingerprint of the code of the figures."""
    return fingerprints.figures_code(plan.family, plan.figures)


def tables_code(wildcards):
    """Return the fingerprint of the code of the tables in all formats."""
    return fingerprints.fingerprint(["studygrid.tables"])


def resomap_code(wildcards):
    """Return the fingerprint of the code of ResoMap's layout."""
    return fingerprints.fingerprint(["studygrid.interchange"])


def report_code(wildcards):
    """Return the fingerprint of the code of the report."""
    return fingerprints.report_code(plan.family)


def manifest_code(wildcards):
    """Return the fingerprint of the code of the manifest."""
    return fingerprints.fingerprint(["studygrid.manifest"])


def figure_files():
    """Return the files of all figures; Snakemake's own report shows the PNGs."""
    files = []
    for name in plan.figures:
        caption = Path(workflow.basedir) / "workflow" / "report" / f"{name}.rst"
        picture = report(
            f"{FIGURES}/{name}.png",
            caption=caption if caption.is_file() else caption.with_name("figure.rst"),
            category="Figures",
            labels={"figure": name.replace("_", " ")},
        )
        files += [picture, f"{FIGURES}/{name}.svg", f"{FIGURES}/{name}.csv"]
    return files


def inference_figure_files():
    """Return the files of the figures of inference; Snakemake's own report shows the PNGs."""
    files = []
    for name in plan.inference_figures:
        figure = f"{INFERENCE}/figures/{name}"
        picture = report(
            f"{figure}.png",
            caption="../report/figure.rst",
            category="Inference",
            labels={"figure": name.replace("_", " ")},
        )
        files += [picture, f"{figure}.svg", f"{figure}.csv"]
    return files


def starting_weights(wildcards):
    """Return the file of weights that a model starts from, if the config names one."""
    return getattr(plan.models[wildcards.model].options, "weights", None) or []


def whole_device(wildcards):
    """Return as many cores as there are, so that nothing runs beside a profile on the CPU."""
    on_gpu = EXECUTION.device != "cpu" and visible_gpus()
    return 1 if on_gpu else workflow.cores or 1


def need(wildcards, rulename):
    """Return what a job of a rule needs on its first try."""
    if rulename in ("train", "evaluate", "infer"):
        return getattr(needs, rulename)(run_of(wildcards))
    if rulename == "shard":
        return needs.shard(SHARDS[wildcards.shard])
    return getattr(needs, rulename)(int(wildcards.resolution))


def mem_mb(wildcards, attempt, rulename):
    """Return the memory that a job asks a cluster for; each try asks for more."""
    return attempt * need(wildcards, rulename).mem_mb


def runtime(wildcards, attempt, rulename):
    """Return the minutes that a job asks a cluster for; each try asks for more, up to a day."""
    return min(attempt * need(wildcards, rulename).runtime, LONGEST_MIN)


def inference_found():
    """Return what inference found, where the config enables it."""
    return list(rules.inference_summary.output) if plan.study.inference.enabled else []


def inference_outputs():
    """Return what inference leaves, its records too, where the config enables it."""
    if not plan.study.inference.enabled:
        return []
    return [*rules.inference_summary.input, *inference_found()]


def run_records(kind):
    """Return the records of one kind of all runs."""
    return [f"{RESULTS}/runs/{run.path}/{kind}.json" for run in plan.runs]


def profile_axes():
    """Return the models and resolutions of all profiles, in pairs."""
    models, resolutions = zip(*plan.profiled) if plan.profiled else ((), ())
    return {"model": models, "resolution": resolutions}


onstart:
    session.start()
