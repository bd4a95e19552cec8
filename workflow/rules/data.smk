"""REQUIRED INPUTS: none; the raw data is named by the config, or made in shards.

OUTPUTS: {execution.shards}/{dataset}/{shard}.json, the record of the NPZ beside it, of data that is
generated; {results}/data/res{resolution}/data.json, the record of the arrays beside it.
"""


localrules:
    shards,


rule shard:
    """Make a piece of raw data; its name says what decides it, so one that is there is kept."""
    output:
        # Not removed before the job: another study may have made it meanwhile.
        record=update(f"{SHARD}.json"),
    log:
        f"{SHARD}.log",
    conda:
        "../../envs/studygrid.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb,
        runtime=runtime,
    params:
        spec=shard_spec,
    shell:
        "python scripts/shard.py"
        " --spec {params.spec:q}"
        " --output {output.record:q}"
        " --threads {threads}"
        " --log {log:q}"


rule shards:
    """Make all shards, and nothing else."""
    input:
        plan.shard_records,


rule prepare:
    """Resize the data once; its record holds no time, so equal data re-runs nothing."""
    input:
        shards=plan.shard_records,
    output:
        record=f"{RESULTS}/data/res{{resolution}}/data.json",
    log:
        f"{RESULTS}/data/res{{resolution}}/prepare.log",
    conda:
        "../../envs/studygrid.yaml"
    threads: plan.dataset.workers
    resources:
        mem_mb=mem_mb,
        runtime=runtime,
    params:
        spec=data_spec,
        code=prepare_code,
    shell:
        "python scripts/prepare.py"
        " --spec {params.spec:q}"
        " --code {params.code}"
        " --shards {input.shards:q}"
        " --output {output.record:q}"
        " --threads {threads}"
        " --log {log:q}"
