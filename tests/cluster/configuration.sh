# Sourced by start-slurm: the fake GPUs, and the files in /etc/slurm.

put() { # FILE OWNER MODE: write standard input, marked as ours
    install -m 600 /dev/null "$ETC/$1.new"
    { echo "$MARK"; cat; } > "$ETC/$1.new"
    chown "$2" "$ETC/$1.new"
    chmod "$3" "$ETC/$1.new"
    mv "$ETC/$1.new" "$ETC/$1"
}

# The number at the end of a device's name is the index in CUDA_VISIBLE_DEVICES. Without files
# (Count=2) slurmd reports no GPU and the node is drained.
make_gpus() {
    local gpu
    mkdir -p "$RUN/gpu"
    for ((gpu = 0; gpu < GPUS; gpu++)); do
        [ -e "$RUN/gpu/nvidia$gpu" ] || mknod "$RUN/gpu/nvidia$gpu" c 1 3 2> /dev/null ||
            : > "$RUN/gpu/nvidia$gpu"
    done
}

write_configuration() {
    local gres="" tracking storage=accounting_storage/none
    if [ "$GPUS" -gt 0 ]; then
        gres=" Gres=gpu:$GPUS"
        put gres.conf root:root 644 \
            <<< "NodeName=localhost Name=gpu File=$RUN/gpu/nvidia[0-$((GPUS - 1))] Flags=nvidia_gpu_env"
    else
        put gres.conf root:root 644 < /dev/null
    fi
    if [ "$CGROUP" = 1 ]; then
        tracking="ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherParams=UsePss"
    else
        # Nothing else enforces --mem without cgroups; such a job ends as FAILED.
        tracking="ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherParams=OverMemoryKill,UsePss"
    fi
    [ "$ACCOUNTING" = 0 ] || storage="accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoreFlags=job_comment"
    put cgroup.conf root:root 644 << END
CgroupPlugin=cgroup/v1
CgroupAutomount=no
ConstrainRAMSpace=$([ "$CGROUP" = 1 ] && echo yes || echo no)
END
    put slurm.conf root:root 644 << END
ClusterName=test
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=slurm
AuthType=auth/munge
# A requeued job waits as long as a credential lives: 126 s with the default, 8 s with this.
AuthInfo=cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd.pid
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd.log
StateSaveLocation=$LIB/ctld
SlurmdSpoolDir=$LIB/slurmd
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
$tracking
AccountingStorageType=$storage
# More CPUs than the machine has would drain the node.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# A job without --mem would take all memory.
DefMemPerCPU=500
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
# Seconds from SIGTERM to SIGKILL; Slurm's default is 30.
KillWait=5
JobRequeue=1
# Else a job over a partition's limit waits for ever.
EnforcePartLimits=ALL
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=5,bf_interval=5
${gres:+GresTypes=gpu}
NodeName=localhost NodeHostname=$HOST NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEM_MB$gres State=UNKNOWN
# Backfill reserves whole nodes: GPU jobs that wait in a partition hold up its CPU jobs.
PartitionName=main Nodes=localhost Default=YES DefaultTime=60 MaxTime=7-0 State=UP PriorityTier=10
PartitionName=gpu Nodes=localhost DefaultTime=60 MaxTime=7-0 State=UP PriorityTier=5
END
}
