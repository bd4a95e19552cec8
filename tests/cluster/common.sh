# Sourced by start-slurm and stop-slurm: where things are, and whether a daemon is alive.
RUN=/run/studygrid-slurm # pid files, fake GPUs
LIB=/var/lib/studygrid-slurm # state of slurmctld, spool of slurmd, the database
LOG=/var/log/studygrid-slurm
ETC=/etc/slurm
MARK="# Written by studygrid's tests/cluster/start-slurm, which overwrites this file."
CONFIGURATION=(slurm.conf gres.conf cgroup.conf slurmdbd.conf)

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() { printf '%s: error: %s\n' "${0##*/}" "$*" >&2; exit 1; }

need_root() {
    [ "$(id -u)" = 0 ] || die "needs root (this is $(id -un)): it $1"
}

hold_lock() { # one start or stop at a time; daemons must not inherit descriptor 9
    exec 9> /run/lock/studygrid-slurm.lock
    flock -w 120 9 || die "another start-slurm or stop-slurm has run for 120 s"
}

ours() { # FILE: whether start-slurm wrote this configuration file
    grep -qF "$MARK" "$ETC/$1" 2> /dev/null
}

is_program() { # PID PROGRAM: whether the process runs PROGRAM and is no zombie
    [ "$(cat "/proc/$1/comm" 2> /dev/null)" = "$2" ] &&
        ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2> /dev/null
}

pid_of() { # DAEMON: print its process, if it is alive and start-slurm started it
    local pid
    pid=$(cat "$RUN/$1.pid" 2> /dev/null) && [[ $pid =~ ^[0-9]+$ ]] && is_program "$pid" "$1" &&
        echo "$pid"
}

alive() { pid_of "$1" > /dev/null; }

wait_for() { # SECONDS WHAT COMMAND...: until COMMAND succeeds
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || die "$what is not ready; see $LOG"
        sleep 0.2
    done
}
