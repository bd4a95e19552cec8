"""What the networks of ptychography take of a CPU's memory."""

from studygrid.families.base import PixelMemory

PX_AT_ONCE = 1 << 22
# For each px of a group, whatever the number of its patterns. Measured on a CPU with the loss of
# pinn, trained and scored, as the rise of the peak over that of one group: with width 16 and depth
# 3 at 64 px 250 and 77, at 128 px 240 and 76; with groups of four patterns 330 and 107, of nine
# 520 and 210; with width 32 450 when trained.
MEMORY = PixelMemory(trained=500, scored=200, at_once=PX_AT_ONCE)
