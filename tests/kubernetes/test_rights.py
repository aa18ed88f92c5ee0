"""What pgsteer may ask of the API server: by a token that is renewed, with rights that may be missing, of a server that
proves who it is.
"""
import shutil
import time

from harness.certificates import Authority
from harness.logins import address_of, readers, wait_readers
from harness.wait import wait_until
from kube_api.access import LEEWAY_SECONDS, write_token
from kube_api.credentials import claims_of
from kube_api.gate import Gate


def answered(kube, account, status: int = 200) -> list:
    return [r for r in kube.server.audit.requests(account.user) if r.status == status]


def assert_served(cluster, proxy, connect) -> None:
    assert address_of(connect(proxy.rw_port)) == cluster.primary.address
    wait_readers(proxy, connect, {b.address for b in cluster.standbys()})


def assert_follows(cluster, proxy, connect, instances) -> None:
    standby = cluster.standbys()[0]
    instances.remove(standby)
    wait_until(lambda: standby.address not in readers(proxy, connect), what="the removed pod to get no reader")


def start_anew(kube) -> None:
    """Every watch ends, and nobody's token is remembered."""
    kube.server.kill9()
    kube.server.start()


# A kubelet renews the token every 48 minutes, in the file alone; the old one ends soon after.
def test_rotated_token_is_used(kube, account, cluster, run_pgsteer, source, token_file, connect, instances):
    old = account.forged_token(kube.credentials.tokens, seconds=10)
    write_token(token_file, old)
    proxy = run_pgsteer(cluster, source=source())
    proxy.wait_standbys(2)
    wait_until(lambda: kube.server.audit.requests(account.user, "watch"), what="the first watch")
    new = account.token()
    assert claims_of(new)["jti"] != claims_of(old)["jti"]
    write_token(token_file, new)
    start_anew(kube)
    wait_until(lambda: kube.server.audit.requests(account.user)[-1].token_id == claims_of(new)["jti"],
               what="a request with the new token")
    assert_follows(cluster, proxy, connect, instances)


# Nobody has renewed it: no news from the API, and nothing else changes until somebody does.
def test_expired_token(kube, account, cluster, run_pgsteer, source, token_file, connect, instances):
    seconds = 5
    write_token(token_file, account.forged_token(kube.credentials.tokens, seconds=seconds - LEEWAY_SECONDS))
    ends_at = time.time() + seconds
    proxy = run_pgsteer(cluster, source=source())
    proxy.wait_standbys(2)
    wait_until(lambda: kube.server.audit.requests(account.user, "watch"), what="the first watch")
    wait_until(lambda: time.time() > ends_at, what="the token to expire")
    start_anew(kube)
    wait_until(lambda: "kind=unauthorized" in proxy.log_text(), what="the reason in the log")
    assert_served(cluster, proxy, connect)
    write_token(token_file, account.token())
    assert_follows(cluster, proxy, connect, instances)
    assert proxy.log_text().count("verb=watch kind=unauthorized") == 1, "once is enough"


# Somebody tidies up RoleBindings. The watch that is open goes on; the next one is refused.
def test_rights_are_taken_away_and_given_back(kube, account, cluster, proxy, connect, instances):
    gone, kept = cluster.standbys()
    wait_until(lambda: kube.server.audit.requests(account.user, "watch"), what="the first watch")
    account.forbid()
    start_anew(kube)
    wait_until(lambda: len(answered(kube, account, 403)) >= 3, what="the refusals")
    instances.remove(gone)
    assert_served(cluster, proxy, connect)
    assert not proxy.backend_view(gone)["leaving"] and proxy.is_ready()
    assert proxy.log_text().count("verb=watch kind=forbidden") == 1, "once is enough"
    account.allow()
    wait_readers(proxy, connect, {kept.address})
    assert proxy.topology()["primary"] == cluster.primary.address


# It never had any: it says what it needs, serves nobody, and begins as soon as it may.
def test_rights_come_late(kube, account, cluster, run_pgsteer, source, connect, instances):
    account.forbid()
    wait_until(lambda: refuses(kube, account, instances), what="the rights to be gone")
    proxy = run_pgsteer(cluster, source=source(), waits=False)
    wait_until(lambda: "needs the verbs list and watch" in proxy.log_text(), what="advice in the log")
    assert not proxy.is_ready() and proxy.topology()["backends"] == []
    account.allow()
    proxy.wait_ready()
    proxy.wait_standbys(2)
    assert_served(cluster, proxy, connect)


def refuses(kube, account, instances) -> bool:
    client = kube.client(account.token())
    try:
        client.get(instances.pods.path)
    except RuntimeError:
        return True
    return False


# pgsteer asks for what the manifest's Role allows and for nothing else.
def test_no_request_is_refused(kube, account, cluster, proxy, connect, instances):
    assert_served(cluster, proxy, connect)
    assert_follows(cluster, proxy, connect, instances)
    asked = kube.server.audit.requests(account.user)
    assert {(r.verb, r.path) for r in asked} == {("list", instances.pods.path), ("watch", instances.pods.path)}
    assert {r.status for r in asked} == {200}


# Somebody answers in the API server's place. Without the cluster's certificate authority he gets no token.
def test_authority_that_is_not_ours(kube, account, cluster, run_pgsteer, source, instances, tmp_path, connect):
    assert instances
    ca_file = tmp_path / "authority.crt"
    shutil.copy(Authority(tmp_path).certificate, ca_file)
    proxy = run_pgsteer(cluster, source=source(ca_file=str(ca_file)), waits=False)
    wait_until(lambda: "does not answer" in proxy.log_text(), what="the reason in the log")
    assert "the API server's certificate" in proxy.log_text() and not kube.server.audit.requests(account.user)
    shutil.copy(kube.credentials.authority, ca_file)  # Read anew, as the token is.
    proxy.wait_ready()
    assert_served(cluster, proxy, connect)


# Nor with a certificate of that authority which is for another name.
def test_certificate_for_another_name(kube, cluster, run_pgsteer, source, instances):
    assert instances
    stranger = kube.credentials.issuer.issue("stranger", "/CN=stranger.test", "subjectAltName=DNS:stranger.test")
    with Gate(kube, stranger) as gate:
        proxy = run_pgsteer(cluster, source=source(api_server=gate.url), waits=False)
        wait_until(lambda: "does not answer" in proxy.log_text(), what="the reason in the log")
        assert "the API server's certificate" in proxy.log_text() and gate.targets == [] and not proxy.is_ready()
