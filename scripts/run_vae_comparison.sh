#!/usr/bin/env bash
# Trains configurations of tag VAEs and compares them, in the layout of the guide to VAE
# comparison: see docs/configurations.md. It is `studygrid run` on config/studies/tags.yaml.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: run_vae_comparison.sh [OPTION ...] [-- SNAKEMAKE-ARGUMENT ...]

  --preset NAME                 train a preset: standard, beta, or all
  --config NAME [KEY=VALUE ...] train a configuration; may be given several times:
                                model=vae/small, trainer=vae/default, epochs=, batch_size=, lr=,
                                beta=, and every other key of a model
  --collect-only                train nothing; compare what is there
  --metrics-dir DIR             with --collect-only: compare the runs in that folder
  --configfile FILE             the study in place of config/studies/tags.yaml
  --help                        print this
  further options are those of `studygrid run`: --seeds, --sizes, --resolutions, --cores, -n, …

Written below the project's folder: models/metrics/<name>_{metrics,summary}.json and
outputs/vae_experiments/{comparison.csv,comparison_report.txt}.
HELP
}

if [ $# -eq 0 ]; then
    usage >&2
    exit 2
fi
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
configfile=$root/config/studies/tags.yaml
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            usage
            exit
            ;;
        --configfile)
            configfile=${2:?--configfile names no file}
            shift 2
            ;;
        --)
            break
            ;;
        *)
            arguments+=("$1")
            shift
            ;;
    esac
done
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
    python=python3
fi
export PYTHONPATH=$root/src${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m studygrid.cli run --configfile "$configfile" --vae-project "$root" \
    ${arguments[@]+"${arguments[@]}"} "$@"
