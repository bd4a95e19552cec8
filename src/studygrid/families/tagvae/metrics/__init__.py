"""Metrics of tag VAEs: what each is. Their code stands one subject a module beside this."""

from __future__ import annotations

from collections.abc import Callable

from studygrid.families.base import Metric

_HERE = "studygrid.families.tagvae.metrics"
_BURDA = "Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016"
_NO_CODES = "null of a model without a latent space"
_FLOOR = (
    "Two sets of rows of one distribution differ too, the more so the fewer rows and the more tags "
    "they have."
)
_NOISE = "random tags make the most diverse rows; see what the test rows themselves have"
_FINITE = "null where the split is empty or an output is not finite, as every metric"

# A side of the two comparisons: the prefix of its names, the word of its labels, what its rows
# are, and when there are none.
_SIDES = (
    ("reconstruction", "reconstructed", "the reconstructions", ""),
    ("prior", "prior", "rows drawn from the prior", "no row was drawn"),
)


def _of_both_sides(make: Callable[[str, str, str, str], tuple[Metric, ...]]) -> tuple[Metric, ...]:
    return tuple(metric for side in _SIDES for metric in make(*side))


def _null(*cases: str) -> str:
    """Return when a metric is null: the cases, of which some may be empty."""
    named = [case for case in cases if case]
    return f"null where {' or '.join(named)}" if named else "never"


_LOSS = (
    Metric(
        name="loss",
        label="Loss",
        higher_is_better=False,
        unit="nats",
        definition="Mean over the rows of BCE + beta times KL, in nats a row. Its scale is beta's: "
        "models with different beta cannot be compared by it.",
        source="Higgins et al., beta-VAE, ICLR 2017, equation 4",
        undefined=_FINITE,
        compute=f"{_HERE}.loss:loss",
        group="Loss",
        of_loss=True,
    ),
    Metric(
        name="bce",
        label="BCE",
        higher_is_better=False,
        unit="nats",
        definition="Binary cross-entropy of the tags (the distortion), summed over the tags of a "
        "row at one draw of its latent vector; mean over the rows.",
        source="Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, appendix C.1",
        undefined="never",
        compute=f"{_HERE}.loss:bce",
        group="Loss",
    ),
    Metric(
        name="kl",
        label="KL",
        higher_is_better=False,
        unit="nats",
        definition="Kullback-Leibler divergence of a row's posterior from the prior (the rate), "
        "summed over the latent units; mean over the rows. A collapsed posterior has the "
        "least, so a low KL alone says nothing good.",
        source="Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, appendix B",
        undefined="never",
        compute=f"{_HERE}.loss:kl",
        group="Loss",
        caution="a model that says nothing of its rows, or collapsed, has the lowest",
    ),
    Metric(
        name="elbo",
        label="ELBO",
        higher_is_better=True,
        unit="nats",
        definition="-(BCE + KL): the evidence lower bound on the log-likelihood, mean over the "
        "rows, from one draw of the latent vector a row. Beta does not enter, so models with "
        "different beta can be compared by it.",
        source="Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, equation 3",
        undefined="never",
        compute=f"{_HERE}.loss:elbo",
        group="Loss",
    ),
)

_RECONSTRUCTION = (
    Metric(
        name="hamming_loss",
        label="Hamming loss",
        higher_is_better=False,
        unit="",
        definition="Share of all rows' tags, present and absent, that the reconstruction has "
        "wrong; a tag is present where its probability is 0.5 or more.",
        source="scikit-learn hamming_loss",
        undefined="never",
        compute=f"{_HERE}.reconstruction:hamming_loss",
        bounds=(0, 1),
        group="Reconstruction",
    ),
    Metric(
        name="jaccard_index",
        label="Jaccard index",
        higher_is_better=True,
        unit="",
        definition="TP / (TP + FP + FN) of the tags of all rows together; 1 where no tag is "
        "present in data and reconstructions (scikit-learn gives 0 there).",
        source='scikit-learn jaccard_score(average="micro")',
        undefined="never",
        compute=f"{_HERE}.reconstruction:jaccard_index",
        bounds=(0, 1),
        group="Reconstruction",
    ),
    Metric(
        name="micro_f1",
        label="Micro-F1",
        higher_is_better=True,
        unit="",
        definition="2 TP / (2 TP + FP + FN) of the tags of all rows together; 1 where no tag is "
        "present in data and reconstructions (scikit-learn gives 0 there).",
        source='scikit-learn f1_score(average="micro")',
        undefined="never",
        compute=f"{_HERE}.reconstruction:micro_f1",
        bounds=(0, 1),
        group="Reconstruction",
    ),
)

_LATENT = (
    Metric(
        name="active_units_percent",
        label="Active units",
        higher_is_better=True,
        unit="%",
        definition="Share of the latent units whose posterior mean has a variance over the rows "
        "of the split above 0.01.",
        source=_BURDA,
        undefined=f"{_NO_CODES}, or of fewer than two rows",
        compute=f"{_HERE}.latent:active_units_percent",
        bounds=(0, 100),
        group="Latent space",
    ),
    Metric(
        name="silhouette",
        label="Silhouette",
        higher_is_better=True,
        unit="",
        definition="Mean silhouette of the posterior means, by Euclidean distance. The label of a "
        "row is its most frequent tag, that is its first by column; rows without a tag are left "
        "out. Of more than 5,000 rows, 5,000 drawn with a fixed seed.",
        source="Rousseeuw 1987; scikit-learn silhouette_score",
        undefined=f"{_NO_CODES}, where all rows have one label or each its own, and where all "
        "codes are equal",
        compute=f"{_HERE}.latent:silhouette",
        bounds=(-1, 1),
        group="Latent space",
    ),
)


def _diversity(prefix: str, word: str, rows: str, none: str) -> tuple[Metric, ...]:
    module = f"{_HERE}.diversity"
    return (
        Metric(
            name=f"{prefix}_unique_percent",
            label=f"Unique rows ({word})",
            higher_is_better=True,
            unit="%",
            definition=f"Distinct combinations of tags among {rows} (as many as the split has "
            "rows), per 100. The split's own is in data_unique_percent.",
            source="definition",
            undefined=_null(none),
            compute=f"{module}:{prefix}_unique_percent",
            bounds=(0, 100),
            group="Diversity",
            caution=_NOISE,
        ),
        Metric(
            name=f"{prefix}_entropy_nats",
            label=f"Entropy of rows ({word})",
            higher_is_better=True,
            unit="nats",
            definition="Shannon entropy of the shares that the distinct combinations of tags have "
            f"of {rows} (as many as the split has rows). The most that n rows can show is ln n; "
            "the split's own is in data_entropy_nats.",
            source="Shannon 1948; scipy.stats.entropy",
            undefined=_null(none),
            compute=f"{module}:{prefix}_entropy_nats",
            group="Diversity",
            caution=_NOISE,
        ),
        Metric(
            name=f"{prefix}_entropy_bits",
            label=f"Entropy of rows ({word}, bits)",
            higher_is_better=True,
            unit="bits",
            definition=f"{prefix}_entropy_nats in bits: divided by ln 2. The most that n rows can "
            "show is log2 n.",
            source="Shannon 1948; scipy.stats.entropy(base=2)",
            undefined=_null(none),
            compute=f"{module}:{prefix}_entropy_bits",
            group="Diversity",
            caution=_NOISE,
        ),
        Metric(
            name=f"{prefix}_gini",
            label=f"Gini of tags ({word})",
            higher_is_better=False,
            unit="",
            definition=f"Gini coefficient of how often each of the R tags is in {rows}; a tag that "
            "is in none counts as 0, so the most is 1 - 1/R. It is not of the combinations: over "
            "all 2^R of them it is always close to 1, and over those that occur a model that "
            "makes one row again and again would score the best. The split's own, in data_gini, is "
            "not 0 either.",
            source="Gini 1912, half the relative mean absolute difference",
            undefined=_null(none, "none of its rows has a tag"),
            compute=f"{module}:{prefix}_gini",
            bounds=(0, 1),
            group="Diversity",
            caution=_NOISE,
        ),
        Metric(
            name=f"{prefix}_tags_per_row_error",
            label=f"Error of tags a row ({word})",
            higher_is_better=False,
            unit="tags",
            definition=f"Absolute difference between the mean number of tags a row of {rows} and "
            "of the split itself.",
            source="definition",
            undefined=_null(none),
            compute=f"{module}:{prefix}_tags_per_row_error",
            group="Diversity",
        ),
    )


def _cooccurrence(prefix: str, word: str, rows: str, none: str) -> tuple[Metric, ...]:
    module = f"{_HERE}.cooccurrence"
    pairs = f"the counts of rows with each pair of different tags, of the split and of {rows}"
    no_pair = "no row of one of the two sides has two tags"
    return (
        Metric(
            name=f"{prefix}_cooccurrence_cosine",
            label=f"Co-occurrence cosine ({word})",
            higher_is_better=True,
            unit="",
            definition=f"Cosine of the angle between {pairs}.",
            source="1 - scipy.spatial.distance.cosine",
            undefined=_null(none, no_pair),
            compute=f"{module}:{prefix}_cooccurrence_cosine",
            bounds=(0, 1),
            group="Co-occurrence",
        ),
        Metric(
            name=f"{prefix}_cooccurrence_kl",
            label=f"Co-occurrence KL ({word})",
            higher_is_better=False,
            unit="nats",
            definition=f"Kullback-Leibler divergence KL(data || model) of {pairs}, divided by "
            "their sums. To keep it finite, 0.5 is added on both sides to the count of each pair "
            f"that occurs on one of them. {_FLOOR}",
            source="Kullback and Leibler 1951; scipy.stats.entropy; 0.5 as Krichevsky and "
            "Trofimov 1981",
            undefined=_null(none, no_pair),
            compute=f"{module}:{prefix}_cooccurrence_kl",
            group="Co-occurrence",
        ),
        Metric(
            name=f"{prefix}_cooccurrence_js",
            label=f"Co-occurrence JS ({word})",
            higher_is_better=False,
            unit="bits",
            definition=f"Jensen-Shannon divergence between {pairs}, divided by their sums: 0 "
            f"where they are equal, 1 where no pair is in both. {_FLOOR}",
            source="Lin 1991; the square of scipy.spatial.distance.jensenshannon(base=2)",
            undefined=_null(none, no_pair),
            compute=f"{module}:{prefix}_cooccurrence_js",
            bounds=(0, 1),
            group="Co-occurrence",
        ),
        Metric(
            name=f"{prefix}_cooccurrence_pearson",
            label=f"Co-occurrence Pearson ({word})",
            higher_is_better=True,
            unit="",
            definition=f"Pearson correlation over the pairs between {pairs}.",
            source="numpy.corrcoef",
            undefined=_null(none, no_pair, "all pairs of one side are equally frequent"),
            compute=f"{module}:{prefix}_cooccurrence_pearson",
            bounds=(-1, 1),
            group="Co-occurrence",
        ),
    )


METRICS = (
    *_LOSS,
    *_RECONSTRUCTION,
    *_LATENT,
    *_of_both_sides(_diversity),
    *_of_both_sides(_cooccurrence),
)
