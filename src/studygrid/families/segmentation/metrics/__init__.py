"""Metrics of segmentation: what each is. Their code stands one a module beside this."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.families.base import Metric

_HERE = "studygrid.families.segmentation.metrics"
_FOREGROUND = "mean over the foreground classes that occur in truth or prediction"
_EMPTY = "null where no pixel is foreground, in truth or in prediction; 0 for a 0 / 0 of a class"
_EMPTY_IMAGE = (
    "never; an image counts 1 where mask and prediction are both empty, and a 0 / 0 counts 0 "
    "where one of them is not"
)


def _most_common(shares: Sequence[float]) -> float:
    return max(shares)


def _iou_of_one_class(shares: Sequence[float]) -> float:
    return _of_one_class(shares, max(shares[1:], default=0.0))


def _f1_of_one_class(shares: Sequence[float]) -> float:
    share = max(shares[1:], default=0.0)
    return _of_one_class(shares, 2 * share / (1 + share))


def _of_one_class(shares: Sequence[float], score: float) -> float:
    """Return the mean over the classes where all is marked as one of them, the best to mark."""
    present = sum(share > 0 for share in shares[1:])
    return score / max(present, 1)


METRICS = (
    Metric(
        name="loss",
        label="Loss",
        higher_is_better=False,
        unit="",
        definition="Mean over the images of the loss that is optimised, of each image by itself.",
        source="the terms and weights in `applied.loss` of the record of training",
        undefined="never",
        compute=f"{_HERE}.loss:loss",
        of_loss=True,
    ),
    Metric(
        name="iou",
        label="IoU",
        higher_is_better=True,
        unit="",
        definition="TP / (TP + FP + FN) of all pixels of the split, foreground where its "
        f"probability is 0.5 or more; {_FOREGROUND}.",
        source="scikit-learn jaccard_score",
        undefined=_EMPTY,
        compute=f"{_HERE}.pooled:iou",
        chance=_iou_of_one_class,
        bounds=(0, 1),
    ),
    Metric(
        name="dice",
        label="Dice",
        higher_is_better=True,
        unit="",
        definition=f"2 TP / (2 TP + FP + FN) of all pixels of the split, which is F1; "
        f"{_FOREGROUND}.",
        source="scikit-learn f1_score",
        undefined=_EMPTY,
        compute=f"{_HERE}.pooled:f1",
        chance=_f1_of_one_class,
        bounds=(0, 1),
        same_as="f1",
    ),
    Metric(
        name="f1",
        label="F1",
        higher_is_better=True,
        unit="",
        definition="Harmonic mean of precision and recall over all pixels of the split; "
        f"{_FOREGROUND}.",
        source="scikit-learn f1_score",
        undefined=_EMPTY,
        compute=f"{_HERE}.pooled:f1",
        chance=_f1_of_one_class,
        bounds=(0, 1),
    ),
    Metric(
        name="precision",
        label="Precision",
        higher_is_better=True,
        unit="",
        definition="TP / (TP + FP): share of the pixels predicted to be foreground that are; "
        f"{_FOREGROUND}.",
        source="scikit-learn precision_score(zero_division=0)",
        undefined=_EMPTY,
        compute=f"{_HERE}.pooled:precision",
        chance=_iou_of_one_class,
        bounds=(0, 1),
    ),
    Metric(
        name="recall",
        label="Recall",
        higher_is_better=True,
        unit="",
        definition=f"TP / (TP + FN): share of the foreground pixels found; {_FOREGROUND}.",
        source="scikit-learn recall_score(zero_division=0)",
        undefined=_EMPTY,
        compute=f"{_HERE}.pooled:recall",
        bounds=(0, 1),
    ),
    Metric(
        name="accuracy",
        label="Pixel accuracy",
        higher_is_better=True,
        unit="",
        definition="Share of all pixels, of background too, whose class is right.",
        source="scikit-learn accuracy_score",
        undefined="never",
        compute=f"{_HERE}.pooled:accuracy",
        chance=_most_common,
        bounds=(0, 1),
    ),
    Metric(
        name="boundary_f1",
        label="Boundary F1 (±2 px)",
        higher_is_better=True,
        unit="",
        definition="Harmonic mean of the share of the predicted boundary's pixels that lie within "
        "2 px of the true boundary and the share of the true one's within 2 px of the predicted, "
        f"of all images together; {_FOREGROUND}.",
        source="Csurka et al., What is a good evaluation measure for semantic segmentation?, "
        "BMVC 2013, section 3.2",
        undefined=_EMPTY,
        compute=f"{_HERE}.boundary_f1:boundary_f1",
        bounds=(0, 1),
    ),
    Metric(
        name="iou_image_mean",
        label="IoU (mean over images)",
        higher_is_better=True,
        unit="",
        definition=f"Mean over the images of the IoU of each; in an image the {_FOREGROUND}.",
        source="scikit-learn jaccard_score, an image at a time",
        undefined=_EMPTY_IMAGE,
        compute=f"{_HERE}.image_means:iou",
        bounds=(0, 1),
    ),
    Metric(
        name="dice_image_mean",
        label="Dice (mean over images)",
        higher_is_better=True,
        unit="",
        definition="Mean over the images of the Dice coefficient of each, which is its F1; in an "
        f"image the {_FOREGROUND}.",
        source="scikit-learn f1_score, an image at a time",
        undefined=_EMPTY_IMAGE,
        compute=f"{_HERE}.image_means:f1",
        bounds=(0, 1),
        same_as="f1_image_mean",
    ),
    Metric(
        name="f1_image_mean",
        label="F1 (mean over images)",
        higher_is_better=True,
        unit="",
        definition=f"Mean over the images of the F1 of each; in an image the {_FOREGROUND}.",
        source="scikit-learn f1_score, an image at a time",
        undefined=_EMPTY_IMAGE,
        compute=f"{_HERE}.image_means:f1",
        bounds=(0, 1),
    ),
    Metric(
        name="precision_image_mean",
        label="Precision (mean over images)",
        higher_is_better=True,
        unit="",
        definition=f"Mean over the images of the precision of each; in an image the {_FOREGROUND}.",
        source="scikit-learn precision_score(zero_division=0), an image at a time",
        undefined=_EMPTY_IMAGE,
        compute=f"{_HERE}.image_means:precision",
        bounds=(0, 1),
    ),
    Metric(
        name="recall_image_mean",
        label="Recall (mean over images)",
        higher_is_better=True,
        unit="",
        definition=f"Mean over the images of the recall of each; in an image the {_FOREGROUND}.",
        source="scikit-learn recall_score(zero_division=0), an image at a time",
        undefined=_EMPTY_IMAGE,
        compute=f"{_HERE}.image_means:recall",
        bounds=(0, 1),
    ),
    Metric(
        name="accuracy_image_mean",
        label="Pixel accuracy (mean over images)",
        higher_is_better=True,
        unit="",
        definition="Mean over the images of the accuracy of each; as all have as many pixels, "
        "it is the pooled accuracy.",
        source="scikit-learn accuracy_score, an image at a time",
        undefined="never",
        compute=f"{_HERE}.image_means:accuracy",
        chance=_most_common,
        bounds=(0, 1),
        same_as="accuracy",
    ),
    Metric(
        name="boundary_f1_image_mean",
        label="Boundary F1 (±2 px, mean over images)",
        higher_is_better=True,
        unit="",
        definition="Mean over the images of the boundary F1 of each; in an image the "
        f"{_FOREGROUND}.",
        source="Csurka et al., What is a good evaluation measure for semantic segmentation?, "
        "BMVC 2013, section 3.2",
        undefined=_EMPTY_IMAGE,
        compute=f"{_HERE}.boundary_f1:boundary_f1_image_mean",
        bounds=(0, 1),
    ),
    Metric(
        name="iou_tuned",
        label="IoU (chosen threshold)",
        higher_is_better=True,
        unit="",
        definition="IoU of all pixels of the split at the threshold of 0.01 ... 0.99 with the "
        "largest IoU on the validation split.",
        source="scikit-learn jaccard_score",
        undefined=f"{_EMPTY}; null with more than two classes",
        compute=f"{_HERE}.tuned:iou",
        chance=_iou_of_one_class,
        bounds=(0, 1),
    ),
    Metric(
        name="f1_tuned",
        label="F1 (chosen threshold)",
        higher_is_better=True,
        unit="",
        definition="F1 of all pixels of the split at the threshold chosen as for iou_tuned.",
        source="scikit-learn f1_score",
        undefined=f"{_EMPTY}; null with more than two classes",
        compute=f"{_HERE}.tuned:f1",
        chance=_f1_of_one_class,
        bounds=(0, 1),
    ),
    Metric(
        name="precision_tuned",
        label="Precision (chosen threshold)",
        higher_is_better=True,
        unit="",
        definition="Precision of all pixels of the split at the threshold chosen as for iou_tuned.",
        source="scikit-learn precision_score(zero_division=0)",
        undefined=f"{_EMPTY}; null with more than two classes",
        compute=f"{_HERE}.tuned:precision",
        chance=_iou_of_one_class,
        bounds=(0, 1),
    ),
    Metric(
        name="recall_tuned",
        label="Recall (chosen threshold)",
        higher_is_better=True,
        unit="",
        definition="Recall of all pixels of the split at the threshold chosen as for iou_tuned.",
        source="scikit-learn recall_score(zero_division=0)",
        undefined=f"{_EMPTY}; null with more than two classes",
        compute=f"{_HERE}.tuned:recall",
        bounds=(0, 1),
    ),
)
