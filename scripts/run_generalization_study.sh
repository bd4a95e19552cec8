#!/usr/bin/env bash
# Trains models on more and more of a scan and tests them on another, in the layout of the guide
# to generalization studies: see docs/generalization-layout.md. It is `studygrid generalization`.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: run_generalization_study.sh TRAIN.npz TEST.npz OUTPUT_DIR [OPTION ...]

  --n-train-sizes "128 256 …"   training-set sizes, `all` for all (default: those of the config)
  --n-test-images N             test on so many patterns (default: 500, or all if there are fewer)
  --seeds N                     runs of each model and size (default: as the config has it)
  --cores N                     CPU cores to use at most (default: all)
  --dry-run                     say what would run, and write nothing
  --configfile FILE             the study in place of config/studies/generalization.yaml
  --profile NAME                Snakemake's profile, such as slurm
  --help                        print this

Written to OUTPUT_DIR: n_train_<N>/{pinn_run,baseline_run}/, n_train_<N>/comparison_plot.png,
n_train_<N>/comparison_metrics.csv, aggregated_metrics.csv, generalization_study_results.png, and
the study itself in study/. The same command again goes on where it was; other sizes or more seeds
add only what is new.
HELP
}

if [ $# -eq 0 ]; then
    usage >&2
    exit 2
fi
for argument in "$@"; do
    case $argument in
        -h | --help)
            usage
            exit
            ;;
    esac
done
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
    python=python3
fi
export PYTHONPATH=$root/src${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m studygrid.cli generalization "$@"
