"""What run.py hands to the tests, as a plugin of pytest."""
from pathlib import Path

import pytest

from testbed.bed import Bed


class Given:
    def __init__(self, bed: Bed, archive: Path, helm: Path):
        self._bed, self._archive, self._helm = bed, archive, helm

    @pytest.fixture(scope="session")
    def bed(self) -> Bed:
        """It is up, with pgsteer's image."""
        self._bed.machine.import_images(self._archive)
        return self._bed

    @pytest.fixture(scope="session")
    def archive(self) -> Path:
        """The image, see build_image."""
        return self._archive

    @pytest.fixture(scope="session")
    def helm(self) -> Path:
        """The program."""
        return self._helm


__all__ = ["Given"]
