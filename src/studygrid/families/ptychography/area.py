"""The part of an object that is compared: the scanned box, less its border, with what is around."""

from __future__ import annotations

from dataclasses import dataclass

from studygrid.families.base import Undefined

BORDER_PX = 2
# The border on both sides, and one window of SSIM.
LEAST_BOX_PX = 2 * BORDER_PX + 11
MARGIN_PX = 16
# A probe and positions that are known leave no freedom to shift: conventions make up to a few px.
# A peak that lies further off is one of chance, and is not followed.
SHIFT_LIMIT_OF_SIDE = 1 / 16
_LEAST_LIMIT_PX = 2.0

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Crop:
    """The scanned box, and the same with the margin that the object has around it.

    Attributes
    ----------
    box, outer
        Of the object.
    within
        The box in the outer one.
    """

    box: tuple[slice, slice]
    outer: tuple[slice, slice]
    within: tuple[slice, slice]

    @classmethod
    def of(cls, scan: str, shape: tuple[int, ...], box: Box) -> Crop:
        """Return the crop of a scan's box in an object of that shape.

        Raises
        ------
        Undefined
            If the box leaves the object, or nothing of it is left without its border.
        """
        sides = ((box[0], box[1], shape[0]), (box[2], box[3], shape[1]))
        if any(first < 0 or end > size for first, end, size in sides):
            raise Undefined(f"the scanned box {list(box)} of scan {scan} leaves its object")
        if any(end - first <= 2 * BORDER_PX for first, end, _ in sides):
            least = 2 * BORDER_PX + 1
            raise Undefined(
                f"the scanned area of scan {scan} is too small: {box[1] - box[0]} x "
                f"{box[3] - box[2]} px, at least {least} x {least} are needed"
            )
        outer = [(max(0, a - MARGIN_PX), min(size, b + MARGIN_PX)) for a, b, size in sides]
        within = [(a - out[0], b - out[0]) for (a, b, _), out in zip(sides, outer, strict=True)]
        return cls(_slices([side[:2] for side in sides]), _slices(outer), _slices(within))

    @property
    def inside(self) -> tuple[slice, slice]:
        """The area in the box: all but its border."""
        cut = slice(BORDER_PX, -BORDER_PX)
        return cut, cut

    @property
    def area(self) -> tuple[slice, slice]:
        """The area in the object."""
        rows, columns = (slice(side.start + BORDER_PX, side.stop - BORDER_PX) for side in self.box)
        return rows, columns

    @property
    def shift_limit(self) -> float:
        """The largest shift that is followed, in px."""
        shorter = min(side.stop - side.start for side in self.box)
        return max(_LEAST_LIMIT_PX, float(shorter * SHIFT_LIMIT_OF_SIDE))


def _slices(sides: list[tuple[int, int]]) -> tuple[slice, slice]:
    (top, bottom), (left, right) = sides
    return slice(top, bottom), slice(left, right)
