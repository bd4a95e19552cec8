#!/usr/bin/env bash
# sbatch --cpus-per-task=8 --mem=16G --time=4:00:00 profiles/slurm/one-job.sh [targets]
# The whole study as one job of Slurm, on one node: for many short runs. They are forked from a
# process that has PyTorch loaded. With GPUs add --gpus=1, or more. After the time limit submit it
# again: it goes on where it was stopped.
#SBATCH --job-name=studygrid
#SBATCH --requeue
set -euo pipefail
# A step: at the time limit Slurm sends SIGTERM to all processes of steps, not to those of a script.
exec srun --ntasks=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
    snakemake --executor local --cores "${SLURM_CPUS_PER_TASK:-1}" "$@"
