"""A throw-away copy of this machine's system: what is written there goes to memory, and is a list of what has changed.

Flow: with System() as system -> system.run("dpkg", "-i", ...) ... system.changed(); leaving the block forgets all of it.
The copy is an overlay in a mount namespace, with a network of its own and no systemd running. Needs root.
"""
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness.processes import CommandFailed, die_with_parent
from harness.wait import PATIENCE

# A whiteout, the mark of what was removed, is a character device.
_BUILD = """
set -e
ip link set lo up
mount -t tmpfs none "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" none "$0/root"
for folder in run tmp dev/shm; do mount -t tmpfs none "$0/root/$folder"; done
mount --rbind /proc "$0/root/proc"
mount --rbind /dev "$0/root/dev"
echo built
exec sleep infinity
"""


class System:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pgsteer-system-"))
        self.holder = None

    def __enter__(self):
        self._hold(["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", _BUILD, self.folder])
        if self.holder.stdout.readline() != "built\n":
            said = self.holder.communicate(timeout=PATIENCE)[0]
            self.__exit__()
            raise RuntimeError(f"no copy of the system: {said}")
        return self

    def _hold(self, command: list, environment: dict = None) -> None:
        """Starts the process that the copy lives as long as."""
        self.holder = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env={**os.environ, **(environment or {})}, preexec_fn=die_with_parent(signal.SIGKILL))

    def __exit__(self, *unused) -> None:
        self.holder.kill()
        self.holder.wait()
        shutil.rmtree(self.folder)

    def command(self, *words, user: str = "") -> list:
        """A command line that replaces itself by the words, so that its process is theirs; user: instead of root, with
        nothing of root's."""
        return ["nsenter", f"--target={self.holder.pid}", "--mount", "--net", "chroot", str(self.folder / "root"),
                *self._clean(user), *(str(word) for word in words)]

    @staticmethod
    def _clean(user: str) -> list:
        """Puts a command into an environment of its own, and into the user's hands."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--inh-caps=-all",
                   "--bounding-set=-all", "--no-new-privs", "--pdeathsig=KILL"] if user else []
        return ["env", "--ignore-environment", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", *as_user]

    def start(self, *words, user: str = "", **options) -> subprocess.Popen:
        return subprocess.Popen(self.command(*words, user=user), stdin=subprocess.DEVNULL, cwd="/",
                                preexec_fn=die_with_parent(signal.SIGKILL), **options)

    def try_to_run(self, *words, user: str = "", text: str = "") -> subprocess.CompletedProcess:
        """Standard output, with what it says of errors; text: its input."""
        return subprocess.run(self.command(*words, user=user), input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, cwd="/", timeout=PATIENCE, check=False)

    def run(self, *words, **options) -> str:
        done = self.try_to_run(*words, **options)
        if done.returncode != 0:
            raise CommandFailed(f"{' '.join(str(word) for word in words)}: exit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def write(self, path: str, text: str) -> None:
        self.run("tee", path, text=text)

    def copy(self, path: Path) -> str:
        """A file of the machine's; its path here."""
        with open(path, "rb") as file:
            subprocess.run(self.command("cp", "/dev/stdin", f"/tmp/{path.name}"), stdin=file, timeout=PATIENCE, check=True)
        return f"/tmp/{path.name}"

    def changed(self) -> set:
        """Every file and folder that is new or not as it was, relative to the root; what was removed is not among them."""
        found = subprocess.run(
            ["nsenter", f"--target={self.holder.pid}", "--mount", "find", str(self.folder / "upper"), "-mindepth", "1",
             "!", "-type", "c", "-printf", "%P\\n"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=True)
        # A folder is there for what is in it, unless it is new.
        return {path for path in found.stdout.splitlines() if not Path("/", path).is_dir()}
