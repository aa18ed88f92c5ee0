"""The test bed itself: what RBAC refuses, and which tokens are none."""
import pytest

from harness.wait import wait_until
from kube_api.access import LEEWAY_SECONDS
from kube_api.client import Refused
from kube_api.credentials import TokenKey, claims_of
from kube_api.pods import Pods, is_about


@pytest.fixture
def client(kube, account):
    """What pgsteer may do."""
    made = kube.client(account.token())
    wait_until(lambda: made.get(f"/api/v1/namespaces/{account.namespace}/pods"), what="the RoleBinding to be heard of")
    return made


def status_of(call, *arguments, **query) -> int:
    with pytest.raises(Refused) as refused:
        call(*arguments, **query)
    return refused.value.status


def test_account_may_list_and_watch_the_pods_of_its_namespace(client, pods):
    pods.create("pg-1", "127.0.1.1")
    assert len(client.get(pods.path)["items"]) == 1
    watch = client.watch(pods.path)
    watch.wait_event(is_about("pg-1"))
    watch.close()


def test_account_may_do_nothing_else(client, pods, kube):
    pods.create("pg-1", "127.0.1.1")
    elsewhere = Pods(client, kube.new_namespace())
    mine = Pods(client, pods.namespace)
    secrets = f"/api/v1/namespaces/{pods.namespace}/secrets"
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{pods.namespace}/leases"
    for call, *arguments in [
            (mine.get, "pg-1"), (mine.create, "pg-2", "127.0.1.2"), (mine.report, "pg-1", "127.0.1.9"),
            (mine.label, "pg-1", {"app": "changed"}), (mine.begin_deletion, "pg-1"), (elsewhere.list,),
            (client.get, "/api/v1/pods"), (client.get, secrets), (client.get, leases), (client.watch, secrets)]:
        assert status_of(call, *arguments) == 403, call
    assert [pod["metadata"]["name"] for pod in pods.list()["items"]] == ["pg-1"]


def test_who_does_not_say_who_is_forbidden(kube, pods):
    assert status_of(kube.client().get, pods.path) in (401, 403)


@pytest.mark.parametrize("what", ["expired", "foreign", "garbled"])
def test_bad_token_is_401(kube, account, pods, tmp_path, client, what):
    real = kube.credentials.tokens
    tokens = {"expired": lambda: account.forged_token(real, seconds=-LEEWAY_SECONDS - 1),
              "foreign": lambda: account.forged_token(TokenKey(tmp_path, "foreign")),
              "garbled": lambda: account.token()[:-5]}
    assert status_of(kube.client(tokens[what]()).get, pods.path) == 401
    # The same claims by the right key and in time are good: it was not something else.
    assert kube.client(account.forged_token(real)).get(pods.path)["kind"] == "PodList"
    assert status_of(kube.client(tokens[what]()).watch, pods.path) == 401


# A token that expires while a watch is open: the watch goes on, the next request is refused. Ten seconds later, since the
# server remembers so long whom it has let in.
def test_token_expires(kube, account, pods, client):  # pylint: disable=unused-argument
    short = kube.client(account.forged_token(kube.credentials.tokens, seconds=3 - LEEWAY_SECONDS))
    watch = short.watch(pods.path)
    wait_until(lambda: refuses(short, pods.path, 401), what="the token to expire")
    pods.create("pg-1", "127.0.1.1")
    watch.wait_event(is_about("pg-1"))
    watch.close()


def refuses(client, path: str, status: int) -> bool:
    try:
        client.get(path)
    except Refused as refused:
        return refused.status == status
    return False


def test_rights_are_taken_away_and_given_back(account, pods, client):
    watch = client.watch(pods.path)
    account.forbid()
    wait_until(lambda: refuses(client, pods.path, 403), what="the rights to be gone")
    pods.create("pg-1", "127.0.1.1")
    watch.wait_event(is_about("pg-1"))
    account.allow()
    wait_until(lambda: client.get(pods.path), what="the rights to be back")
    watch.close()


# How a test knows what pgsteer has asked for, and with which token.
def test_requests_are_audited(kube, account, pods, client):  # pylint: disable=unused-argument
    token = account.token()
    kube.client(token).get(pods.path, labelSelector="app=pg")
    last = kube.server.audit.requests(account.user, "list")[-1]
    assert (last.path, last.query, last.status) == (pods.path, {"labelSelector": "app=pg"}, 200)
    assert last.token_id == claims_of(token)["jti"]
