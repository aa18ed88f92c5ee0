"""What a process and its children have used: processor time and user memory, from /proc."""
import os
from pathlib import Path

from harness import processes


def family(pid: int) -> list:
    """nginx works in children of its first process."""
    return [pid] + [child for own in processes.children_of(pid) for child in family(own)]


def cpu_seconds(pid: int) -> float:
    """Of all threads: schedstat counts nanoseconds where stat counts ticks of 10 ms."""
    return sum(_run_nanoseconds(one) for one in family(pid)) / 1e9


def _run_nanoseconds(pid: int) -> int:
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def busy_seconds(cores: list) -> float:
    """Of everybody, interrupts and what the hypervisor took included."""
    found = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
            found += user + nice + system + irq + softirq + steal
    return found / os.sysconf("SC_CLK_TCK")


def user_memory_bytes(pid: int) -> int:
    """Private anonymous pages in memory: heap and stacks, and nothing of shared libraries or the kernel."""
    return sum(_anonymous_kib(one) for one in family(pid)) * 1024


def _anonymous_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
