"""The sample: a desired tree with four guests to change, and the seed of the emulated tenant it is for."""

from pathlib import Path
from typing import Final

SAMPLE_TREE: Final = Path(__file__).parent / "tree"
"""The folder with `tenant.yaml`, the files of guests, and the seed, `emulator.yaml`. To be copied only."""

SAMPLE_TENANT: Final = "7d0f1f3e-5f0b-4f57-9f0e-2f3c6f1f2a10"
"""The id of the sample's tenant, as its files spell it."""
