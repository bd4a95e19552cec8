"""REQUIRED INPUTS: {results}/data/res{resolution}/data.json.

OUTPUTS: train.json and evaluate.json of each run, inference.json where inference is enabled;
profiles/{model}/res{resolution}.json.

What decides a result stands in `params`; what only decides how a job runs, in `resources`, which
re-run nothing. A run that diverges or runs out of memory ends in records that say so. best_model.pth and
resume.pth lie beside train.json undeclared: Snakemake would delete them before a retry.
"""


rule train:
    """Train one run, or go on with it where it was stopped."""
    input:
        data=rules.prepare.output.record,
        weights=starting_weights,
    output:
        record=f"{RUN}/train.json",
    log:
        f"{RUN}/training.log",
    conda:
        "../../envs/studygrid.yaml"
    threads: 1
    resources:
        device=EXECUTION.device,
        gpu=needs.gpus,
        in_turn=1,  # in a chunk of runs: profiles/chunks
        mem_mb=mem_mb,
        runtime=runtime,
        resume_share=str(EXECUTION.resume_share),
        runs_per_gpu=str(EXECUTION.runs_per_gpu),
    params:
        spec=train_spec,
        code=train_code,
    shell:
        "python scripts/train.py"
        " --spec {params.spec:q}"
        " --code {params.code}"
        " --data {input.data:q}"
        " --output {output.record:q}"
        " --resume-share {resources.resume_share}"
        " --device {resources.device}"
        " --runs-per-gpu {resources.runs_per_gpu}"
        " --threads {threads}"
        " --log {log:q}"


rule evaluate:
    """Score the kept weights of one run on the test split."""
    input:
        data=rules.prepare.output.record,
        train=rules.train.output.record,
    output:
        record=f"{RUN}/evaluate.json",
    log:
        f"{RUN}/evaluate.log",
    conda:
        "../../envs/studygrid.yaml"
    threads: 1
    resources:
        device=EXECUTION.device,
        runs_per_gpu=str(EXECUTION.runs_per_gpu),
        gpu=needs.gpus,
        in_turn=1,  # in a chunk of runs: profiles/chunks
        mem_mb=mem_mb,
        runtime=runtime,
    params:
        spec=plan.evaluate_spec().to_json(),
        code=evaluate_code,
    shell:
        "python scripts/evaluate.py"
        " --spec {params.spec:q}"
        " --code {params.code}"
        " --data {input.data:q}"
        " --train {input.train:q}"
        " --output {output.record:q}"
        " --device {resources.device}"
        " --runs-per-gpu {resources.runs_per_gpu}"
        " --threads {threads}"
        " --log {log:q}"


rule infer:
    """Score the kept weights of one run once more, on the split that the config names."""
    input:
        data=rules.prepare.output.record,
        train=rules.train.output.record,
    output:
        record=f"{RUN}/inference.json",
    log:
        f"{RUN}/inference.log",
    conda:
        "../../envs/studygrid.yaml"
    threads: 1
    resources:
        device=EXECUTION.device,
        runs_per_gpu=str(EXECUTION.runs_per_gpu),
        gpu=needs.gpus,
        in_turn=1,  # in a chunk of runs: profiles/chunks
        mem_mb=mem_mb,
        runtime=runtime,
    params:
        spec=plan.infer_spec().to_json(),
        code=infer_code,
    shell:
        "python scripts/infer.py"
        " --spec {params.spec:q}"
        " --code {params.code}"
        " --data {input.data:q}"
        " --train {input.train:q}"
        " --output {output.record:q}"
        " --device {resources.device}"
        " --runs-per-gpu {resources.runs_per_gpu}"
        " --threads {threads}"
        " --log {log:q}"


rule profile:
    """Measure the inference of one model at one resolution, alone on its device."""
    input:
        data=rules.prepare.output.record,
    output:
        record=PROFILE,
    log:
        f"{RESULTS}/profiles/{{model}}/res{{resolution}}.log",
    conda:
        "../../envs/studygrid.yaml"
    threads: whole_device
    resources:
        device=EXECUTION.device,
        gpu=needs.gpus,
        mem_mb=mem_mb,
        runtime=runtime,
    params:
        spec=profile_spec,
        code=profile_code,
    shell:
        "python scripts/profile_model.py"
        " --spec {params.spec:q}"
        " --code {params.code}"
        " --data {input.data:q}"
        " --output {output.record:q}"
        " --device {resources.device}"
        " --log {log:q}"
