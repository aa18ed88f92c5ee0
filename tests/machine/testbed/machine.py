"""One machine of Kubernetes: controllers, scheduler, containerd, kubelet, kube-proxy, and names for its pods.

Everything is at ADDRESS, which exists inside the enclosure alone; pods are on PODS.
"""
import json
import os
from pathlib import Path

from harness.processes import CommandFailed, run
from harness.wait import wait_until
from kube_api.api_server import ApiServer
from kube_api.client import Client, Refused
from kube_api.credentials import Credentials
from kube_api.programs import Program

from .enclosure import cgroup_name

NAME = "machine1"
ADDRESS = "10.200.0.2"
PODS = "10.88.0.0/24"
DOMAIN = "cluster.local"
PAUSE_IMAGE = "localhost/pause:1"
# In memory (see enclosure.SCRATCH), with the roots of containers: a disk takes most of a minute to forget them.
IMAGES = "/var/lib/containerd"
READY_SECONDS_MAX = 180
# The control plane and PostgreSQL leave room to the clients and pgsteer, whose times are measured.
NICE = ["nice", "-n", "5"]


class Daemon(Program):
    def __init__(self, folder: Path, name: str, words: list):
        super().__init__(name, folder / "logs" / f"{name}.log")
        self._words = words

    def command(self) -> list:
        return NICE + self._words


class MachineApiServer(ApiServer):
    """With pods that really run: it asks their kubelet, and gives each a ServiceAccount's token."""

    def surroundings(self) -> list:
        admin = self._credentials.admin
        return ["--bind-address=0.0.0.0", f"--advertise-address={ADDRESS}", "--allow-privileged=true",
                f"--kubelet-client-certificate={admin.certificate}", f"--kubelet-client-key={admin.key}",
                "--kubelet-preferred-address-types=InternalIP"]

    def command(self) -> list:
        return NICE + super().command()


def plug_in() -> None:
    """The machine's one interface, and a way out that leads nowhere: programs want a default route."""
    run(["ip", "link", "set", "lo", "up"])
    run(["ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1"])
    run(["ip", "address", "add", f"{ADDRESS}/24", "dev", "wire0"])
    for name in ("wire0", "wire1"):
        run(["ip", "link", "set", name, "up"])
    run(["ip", "route", "add", "default", "via", "10.200.0.1", "dev", "wire0"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


class Machine:
    """Flow: Machine(...).start(images, labels) -> pods run; name(host, address) -> they find a Service by its name."""

    def __init__(self, folder: Path, programs: Path, server: ApiServer, credentials: Credentials, kubeconfig: Path):
        self.folder = folder / "machine"
        for name in ("cni", "names"):
            (self.folder / name).mkdir(parents=True)
        self._programs, self._server, self._credentials, self._kubeconfig = programs, server, credentials, kubeconfig
        self.containerd_socket = self.folder / "containerd.sock"
        self._write_containerd_config()
        self._write_kubelet_config()
        self._write_proxy_config()
        self.daemons = [Daemon(folder, *words) for words in self._commands()]

    def _commands(self) -> list:
        admin, keys, folder = f"--kubeconfig={self._kubeconfig}", self._credentials, self.folder
        # tidy: allow leader - Kubernetes' word: there is but one of each
        alone = "--leader-elect=false"
        return [
            ("controllers", [self._programs / "kube-controller-manager", admin, alone, f"--cert-dir={folder}",
                             f"--service-account-private-key-file={keys.tokens.private}",
                             f"--root-ca-file={keys.authority}", "--bind-address=127.0.0.1"]),
            ("scheduler", [self._programs / "kube-scheduler", admin, alone, "--bind-address=127.0.0.1"]),
            ("containerd", ["containerd", "--config", folder / "containerd.toml"]),
            ("kubelet", [self._programs / "kubelet", admin, f"--config={folder / 'kubelet.json'}",
                         f"--root-dir={folder / 'kubelet'}", f"--cert-dir={folder / 'pki'}",
                         f"--hostname-override={NAME}", f"--node-ip={ADDRESS}"]),
            ("proxy", [self._programs / "kube-proxy", f"--config={folder / 'proxy.json'}"]),
            ("names", ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                       "--pid-file=", "--user=root", "--log-facility=-", "--bind-interfaces",
                       f"--listen-address={ADDRESS}", f"--local=/{DOMAIN}/", f"--hostsdir={folder / 'names'}"]),
        ]

    def _write_containerd_config(self) -> None:
        folder = self.folder
        (folder / "containerd.toml").write_text(f"""version = 2
root = "{IMAGES}"
state = "{folder}/containerd-state"
[grpc]
  address = "{self.containerd_socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
""")
        addresses = {"type": "host-local", "dataDir": str(folder / "addresses"), "ranges": [[{"subnet": PODS}]],
                     "routes": [{"dst": "0.0.0.0/0"}]}
        (folder / "cni" / "10-bridge.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [{
                "type": "bridge", "bridge": "pods0", "isGateway": True, "ipMasq": False, "hairpinMode": True,
                "ipam": addresses}]}))

    def _write_kubelet_config(self) -> None:
        (self.folder / "kubelet.json").write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False},
                               "x509": {"clientCAFile": str(self._credentials.authority)}},
            "authorization": {"mode": "AlwaysAllow"}, "address": ADDRESS,
            "containerRuntimeEndpoint": f"unix://{self.containerd_socket}",
            # Containers are below one cgroup of ours, and share what the machine has with everybody else on it.
            "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{cgroup_name()}", "enforceNodeAllocatable": [], "failCgroupV1": False, "localStorageCapacityIsolation": False,
            "failSwapOn": False, "evictionHard": {"memory.available": "100Mi"}, "makeIPTablesUtilChains": False,
            # A machine without /dev/kmsg and the like, such as a container, will do.
            "featureGates": {"KubeletInUserNamespace": True},
            "podLogsDir": str(self.folder / "podlogs"), "volumePluginDir": str(self.folder / "volume-plugins"),
            "clusterDNS": [ADDRESS], "clusterDomain": DOMAIN, "resolvConf": ""}))

    def _write_proxy_config(self) -> None:
        (self.folder / "proxy.json").write_text(json.dumps({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "nftables",
            "clientConnection": {"kubeconfig": str(self._kubeconfig)}, "bindAddress": ADDRESS,
            "healthzBindAddress": "127.0.0.1:10256", "metricsBindAddress": "127.0.0.1:10249", "clusterCIDR": PODS,
            "hostnameOverride": NAME, "nodePortAddresses": [f"{ADDRESS}/32"],
            # Sizes of the machine's table of connections stay as they are.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}}))

    def start(self, images: Path, labels: dict) -> None:
        """Until it is Ready, with these images and these labels."""
        for daemon in self.daemons[:3]:
            daemon.start()
        containerd = self.daemons[2]
        wait_until(lambda: containerd.must_run() and self._ctr("version"), what="containerd to answer")
        self.import_images(images)
        for daemon in self.daemons[3:]:
            daemon.start()
        wait_until(lambda: self.must_run() and self._is_ready(self._server.admin), READY_SECONDS_MAX,
                   f"{NAME} to be ready; its kubelet's log: {self.daemons[3].log_path}")
        self._server.admin.patch(f"/api/v1/nodes/{NAME}", {"metadata": {"labels": labels}})

    def must_run(self) -> bool:
        return all(daemon.must_run() for daemon in self.daemons)

    @staticmethod
    def _is_ready(client: Client) -> bool:
        try:
            conditions = client.get(f"/api/v1/nodes/{NAME}")["status"].get("conditions", [])
        except Refused:
            return False
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def name(self, host: str, address: str) -> None:
        """Pods find this host at this address: dnsmasq reads a file as soon as it appears."""
        new = self.folder / f"{host}.new"
        new.write_text(f"{address} {host}.{DOMAIN}\n")
        os.replace(new, self.folder / "names" / host)

    def ctr(self, *words) -> list:
        """A command line of containerd's own client."""
        return ["ctr", "--address", str(self.containerd_socket), "--namespace", "k8s.io", *map(str, words)]

    def _ctr(self, *words) -> str:
        return run(self.ctr(*words))

    def import_images(self, archive: Path) -> None:
        """An archive as docker save writes it; pods run these without a registry."""
        self._ctr("images", "import", archive)

    def container(self, pod: str, name: str) -> str:
        """The id of a pod's container of that name, the one that runs."""
        ids = self._ctr("containers", "list", "--quiet", f'labels."io.kubernetes.pod.name"=={pod},'
                        f'labels."io.kubernetes.container.name"=={name}').split()
        running = [line.split()[0] for line in self._ctr("tasks", "list").splitlines() if " RUNNING" in line]
        found = [one for one in ids if one in running]
        if len(found) != 1:
            raise CommandFailed(f"{len(found)} containers {name} of pod {pod} run, where one was expected")
        return found[0]

    def pid(self, container: str) -> int:
        """Of the container's first process, as it is called out here."""
        found = [line.split() for line in self._ctr("tasks", "list").splitlines()]
        return next(int(words[1]) for words in found if words[0] == container)

    def freeze(self, container: str) -> None:
        self._ctr("tasks", "pause", container)

    def thaw(self, container: str) -> None:
        self._ctr("tasks", "resume", container)

    def execute(self, container: str, words: list) -> str:
        return self._ctr("tasks", "exec", "--exec-id", f"test{os.urandom(4).hex()}", container, *words)


__all__ = ["ADDRESS", "DOMAIN", "Machine", "MachineApiServer", "NICE", "plug_in"]
