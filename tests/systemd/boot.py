"""A copy of this machine's system in which systemd runs, as process 1 of namespaces of its own.

Flow: with Booted() as system -> system.run("systemctl", "start", ...) ... system.journal(unit); leaving the block kills
every process in it. Nothing of the kernel's that it shares with this machine can be changed from it: /proc/sys and /sys are
read-only, and what loads modules or sets the clock is not allowed. Needs root and a mounted cgroup2.
"""
import os
from pathlib import Path

from harness.wait import wait_until
from system import System

# The journal because the log goes there; no service of the machine's own.
_TARGET = """[Unit]
Requires=sysinit.target systemd-journald.service
After=sysinit.target systemd-journald.service
AllowIsolate=yes
"""
# What is of the kernel or of this machine, and not of a copy.
_MASKED = """systemd-sysctl.service systemd-modules-load.service modprobe@.service kmod-static-nodes.service
  systemd-udevd.service systemd-hwdb-update.service systemd-tmpfiles-setup-dev.service systemd-binfmt.service
  systemd-journald-audit.socket systemd-remount-fs.service proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount
  sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount"""
_DEVICES = "null zero full random urandom tty"
_BUILD = """
set -e
ip link set lo up
mount -t tmpfs none "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" none "$0/root"
cd "$0/root"
for folder in run tmp dev; do mount -t tmpfs none "$folder"; done
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for device in $DEVICES; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
for unit in $MASKED; do ln -sf /dev/null "etc/systemd/system/$unit"; done
printf %s "$TARGET" > etc/systemd/system/pgsteer-test.target
: > etc/fstab
rm -f usr/sbin/policy-rc.d
printf '%032d\\n' 1 > etc/machine-id
mkdir -p outside
pivot_root . outside
exec chroot . sh -c 'umount -l /outside && mount --make-rshared / &&
  exec env --ignore-environment container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv \\
  --bounding-set -sys_module,-sys_time,-sys_boot,-sys_rawio,-syslog,-mac_admin,-audit_control,-audit_write \\
  /lib/systemd/systemd --system --unit=pgsteer-test.target --show-status=no --log-target=journal'
"""


def cgroup2() -> Path:
    """Where it is mounted and can be written to; None: nowhere."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind = line.split()[:3]
        if kind == "cgroup2" and os.access(where, os.W_OK):
            return Path(where)
    return None


class Booted(System):
    def __enter__(self):
        self.group = cgroup2() / self.folder.name
        self.group.mkdir()
        self._hold(["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', self.group, "unshare", "--mount", "--net",
                    "--pid", "--cgroup", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private", "sh", "-c",
                    _BUILD, self.folder],
                   {"DEVICES": _DEVICES, "MASKED": _MASKED, "TARGET": _TARGET})
        try:
            wait_until(lambda: self.holder.poll() is not None or self._is_up(), what="systemd to be up")
            if self.holder.poll() is not None:
                raise RuntimeError(f"no systemd: {self.holder.stdout.read()}")
        except Exception:
            self.__exit__()
            raise
        return self

    def _is_up(self) -> bool:
        return self.try_to_run("systemctl", "is-system-running").stdout == "running\n"

    def __exit__(self, *unused) -> None:
        super().__exit__()  # process 1 goes with the holder, and with that all of its own
        wait_until(self._remove_groups, what="the end of the copy's processes")

    def _remove_groups(self) -> bool:
        for path, _, _ in os.walk(self.group, topdown=False):
            os.rmdir(path)
        return True

    def command(self, *words, user: str = "") -> list:
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        return ["nsenter", f"--target={children[0]}", "--all", *self._clean(user), *(str(word) for word in words)]

    def shown(self, unit: str, key: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={key}", unit).strip()

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")
