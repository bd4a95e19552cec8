"""Metrics of event tokenizers: what each is. Their code stands one subject a module beside this."""

from __future__ import annotations

from studygrid.families.base import Metric

SIGNALS = {"xy": "W' to XY", "wz": "W' to WZ", "tt": "Z' to tt"}  # the three that are generated
CORRUPTIONS = {"noise": "noise", "token_shuffle": "token shuffle"}

_HERE = "studygrid.families.events.metrics"
_HANLEY = "Hanley and McNeil, Radiology 143 (1982); scikit-learn roc_auc_score"
_SCORES = "a score is not finite, or the split has no background event"
_SPLIT = f"null where {_SCORES}"
_NO_SIGNAL = f"null where the split has no event of a signal; {_SCORES}"
_SCULPTED = (
    "a score that follows mJJ tells signal from background by the mass at which the signal was "
    "made; see mjj_correlation"
)
_NO_MERIT = "corrupted background is no signal: it says what the score reacts to"
_SHORT = "a shorter latent says less of an event; read it beside the token MSE"


def _loss() -> Metric:
    return Metric(
        name="loss",
        label="Loss",
        higher_is_better=False,
        unit="",
        definition="Mean over the background events of the loss that the model is trained with.",
        source="the loss in `applied.loss` of the record of training",
        undefined="null where it is not finite",
        compute=f"{_HERE}.loss:loss",
        group="Loss",
        of_loss=True,
    )


def _token_errors(kind: str) -> tuple[Metric, ...]:
    """Return the metrics of one error of an event's tokens, ``mse`` or ``mae``."""
    error = {"mse": "squared", "mae": "absolute"}[kind]
    each = (
        f"over the background events of an event's {error} error, mean over its valid tokens and "
        "their three features, in standard deviations of the training split"
    )
    parts = {
        "": ("", f"Mean {each}.", "numpy.mean"),
        "_sd": (" sd", f"Standard deviation (n - 1) {each}.", "numpy.std"),
        "_p50": (" p50", f"Median {each}.", "numpy.percentile"),
        "_p95": (" p95", f"95 % quantile, linear between events, {each}.", "numpy.percentile"),
        "_p99": (" p99", f"99 % quantile, linear between events, {each}.", "numpy.percentile"),
    }
    one = "; where there is one such event alone"
    return tuple(
        Metric(
            name=f"token_{kind}{suffix}",
            label=f"Token {kind.upper()}{words}",
            higher_is_better=False,
            unit="",
            definition=definition,
            source=source,
            undefined="null of a model that rebuilds no tokens; where the split has no background "
            f"event; where an error is not finite{one if suffix == '_sd' else ''}",
            compute=f"{_HERE}.reconstruction:token_{kind}{suffix}",
            group="Reconstruction",
        )
        for suffix, (words, definition, source) in parts.items()
    )


def _rebuilt() -> tuple[Metric, ...]:
    return (
        Metric(
            name="globals_mse",
            label="Globals MSE",
            higher_is_better=False,
            unit="",
            definition="Mean over the background events of the squared error of the globals that "
            "the model is given, in standard deviations of the training split.",
            source="numpy.mean",
            undefined="null of a model that rebuilds no globals; where the split has no "
            "background event; where an error is not finite",
            compute=f"{_HERE}.reconstruction:globals_mse",
            group="Reconstruction",
        ),
        Metric(
            name="class_accuracy",
            label="Class accuracy",
            higher_is_better=True,
            unit="",
            definition="Share of the valid tokens of the background whose particle class is found.",
            source="scikit-learn accuracy_score",
            undefined="null of a model that rebuilds no classes",
            compute=f"{_HERE}.reconstruction:class_accuracy",
            bounds=(0, 1),
            group="Reconstruction",
        ),
    )


def _compression() -> tuple[Metric, ...]:
    no_latent = "null of a model without latent tokens"
    no_codes = "null of a model without a codebook"
    return (
        Metric(
            name="bits_per_event",
            label="Bits an event",
            higher_is_better=False,
            unit="bits",
            definition="Size of an event's latent tokens: 32 bits a number, log2(codes) bits a "
            "token with a codebook, whether all codes are used or not.",
            source="docs/events-metrics.md",
            undefined=no_latent,
            compute=f"{_HERE}.compression:bits_per_event",
            group="Compression",
            caution=_SHORT,
        ),
        Metric(
            name="compression_ratio",
            label="Compression",
            higher_is_better=True,
            unit="",
            definition="Mean size of the valid tokens of a background event over the size of its "
            "latent tokens. A valid token counts 32 bits for each of the 3 features and for the "
            "class, though the class alone needs 3 bits; globals count nothing. Where all events "
            "have as many valid tokens as are kept, it is a constant of the options.",
            source="docs/events-metrics.md",
            undefined=f"{no_latent}, and where the split has no background event",
            compute=f"{_HERE}.compression:compression_ratio",
            group="Compression",
            caution=_SHORT,
        ),
        Metric(
            name="perplexity",
            label="Perplexity",
            higher_is_better=True,
            unit="codes",
            definition="exp of the entropy in nats of how often the background uses each code: "
            "the number of codes that would do if all were used alike.",
            source="van den Oord, Vinyals and Kavukcuoglu, NeurIPS 2017; Shannon 1948",
            undefined=no_codes,
            compute=f"{_HERE}.compression:perplexity",
            group="Compression",
            caution="codes that are used alike need not say anything of an event",
        ),
        Metric(
            name="codebook_use",
            label="Codebook use",
            higher_is_better=True,
            unit="",
            definition="Share of the codes that a token of the background uses at all.",
            source="docs/events-metrics.md",
            undefined=no_codes,
            compute=f"{_HERE}.compression:codebook_use",
            bounds=(0, 1),
            group="Compression",
            caution="codes that are used need not say anything of an event",
        ),
    )


def _aurocs() -> tuple[Metric, ...]:
    area = "Area under the ROC curve of the anomaly score, background against"
    return (
        Metric(
            name="auroc",
            label="AUROC",
            higher_is_better=True,
            unit="",
            definition=f"{area} a signal, ties counting one half; mean over the signals of the "
            "data.",
            source=_HANLEY,
            undefined=_NO_SIGNAL,
            compute=f"{_HERE}.signals:auroc",
            bounds=(0, 1),
            group="Signals",
            caution=_SCULPTED,
        ),
        *(
            Metric(
                name=f"auroc_{name}",
                label=f"AUROC ({name.upper()})",
                higher_is_better=True,
                unit="",
                definition=f"{area} {words}; ties count one half.",
                source=_HANLEY,
                undefined=f"{_NO_SIGNAL}, or the data has no such signal",
                compute=f"{_HERE}.signals:auroc_{name}",
                bounds=(0, 1),
                group="Signals",
                caution=_SCULPTED,
            )
            for name, words in SIGNALS.items()
        ),
    )


def _efficiencies(suffix: str, share: str, needed: str) -> tuple[Metric, ...]:
    passes = f"lets at most {share} of the background events through"
    null = f"{_NO_SIGNAL}; the split has fewer than {needed} background events"
    return (
        Metric(
            name=f"signal_efficiency_{suffix}",
            label=f"Signal efficiency at {share} background",
            higher_is_better=True,
            unit="",
            definition="Share of the signal events above the lowest threshold of the anomaly score "
            f"that {passes}; mean over the signals of the data.",
            source="docs/events-metrics.md",
            undefined=null,
            compute=f"{_HERE}.signals:signal_efficiency_{suffix}",
            bounds=(0, 1),
            group="Signals",
            caution=_SCULPTED,
        ),
        *(
            Metric(
                name=f"signal_efficiency_{suffix}_{name}",
                label=f"Signal efficiency at {share} background ({name.upper()})",
                higher_is_better=True,
                unit="",
                definition=f"Share of the events of {words} above the lowest threshold of the "
                f"anomaly score that {passes}.",
                source="docs/events-metrics.md",
                undefined=f"{null}; the data has no such signal",
                compute=f"{_HERE}.signals:signal_efficiency_{suffix}_{name}",
                bounds=(0, 1),
                group="Signals",
                caution=_SCULPTED,
            )
            for name, words in SIGNALS.items()
        ),
    )


def _corrupted() -> tuple[Metric, ...]:
    return tuple(
        Metric(
            name=f"auroc_{name}",
            label=f"AUROC ({words})",
            higher_is_better=True,
            unit="",
            definition="Area under the ROC curve of the anomaly score, the background events "
            f"against the same events corrupted by {words}; ties count one half.",
            source=_HANLEY,
            undefined=f"null where the events were not corrupted so; {_SCORES}",
            compute=f"{_HERE}.corrupted:auroc_{name}",
            bounds=(0, 1),
            group="Corrupted background",
            caution=_NO_MERIT,
        )
        for name, words in CORRUPTIONS.items()
    )


def _sculpting() -> Metric:
    return Metric(
        name="mjj_correlation",
        label="Correlation with mJJ",
        higher_is_better=False,
        unit="",
        definition="Absolute value of Spearman's rank correlation, over the background events, of "
        "the anomaly score with the mass of the two leading jets. The fact of the same name has "
        "its sign.",
        source="Spearman 1904; scipy.stats.spearmanr",
        undefined=f"{_SPLIT}; the data has no mJJ, or one that is not finite; score or mJJ is "
        "the same in all of them",
        compute=f"{_HERE}.sculpting:mjj_correlation",
        bounds=(0, 1),
        group="Sculpting",
    )


METRICS = (
    _loss(),
    *_token_errors("mse"),
    *_token_errors("mae"),
    *_rebuilt(),
    *_compression(),
    *_aurocs(),
    *_efficiencies("1pct", "1 %", "100"),
    *_efficiencies("01pct", "0.1 %", "1,000"),
    *_corrupted(),
    _sculpting(),
)
