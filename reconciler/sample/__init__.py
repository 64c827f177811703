"""The sample: a desired tree with four guests to change, and the seed of the emulated tenant it is for."""

from pathlib import Path
from typing import Final

SAMPLE_TREE: Final = Path(__file__).parent / "tree"
"""The folder with `tenant.yaml`, the files of guests, and the seed, `emulator.yaml`. To be copied only."""
