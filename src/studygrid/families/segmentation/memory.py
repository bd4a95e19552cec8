"""What networks of segmentation take of a CPU's memory."""

from studygrid.families.base import PixelMemory

PX_AT_ONCE = 1 << 22
# Measured on a CPU at 128 px: a U-Net++ on a ResNet-18 keeps 1160 and 380, a U-Net on it 420 and
# 150, small_unet 530 and 150, a U-Net++ on a ResNet-50 2020 and 480.
MEMORY = PixelMemory(trained=1200, scored=400, at_once=PX_AT_ONCE)
