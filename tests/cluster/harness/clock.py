"""A program's wall clock, to be set while it runs; its monotonic clock stays true, as a machine's does.

Flow: clock = Clock(folder, binary) -> run clock.wrapper instead of the binary -> clock.jump(seconds).
"""
import mmap
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("wall_clock.cpp")


class Clock:
    def __init__(self, folder: Path, binary: Path):
        library, offset_path = folder / "wall_clock.so", folder / "clock"
        subprocess.run(["c++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        offset_path.write_bytes(struct.pack("q", 0))
        with open(offset_path, "r+b") as offset:
            self._offset = mmap.mmap(offset.fileno(), 8)
        self.wrapper = folder / "pgsteer-by-another-clock"
        self.wrapper.write_text(f'#!/bin/sh\nexec env PGSTEER_CLOCK_FILE={offset_path} LD_PRELOAD={library} {binary} "$@"\n')
        self.wrapper.chmod(0o755)

    def jump(self, seconds: int) -> None:
        """The clock is so much off the true one from now on."""
        self._offset[:8] = struct.pack("q", seconds)
