"""What /metrics says is what Prometheus wants to read."""
import subprocess


def test_promtool_has_nothing_to_say_about_metrics(proxy, connect):
    connect(proxy.rw_port)
    connect(proxy.ro_port)
    status, text = proxy.get("/metrics")
    assert status == 200
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_limits_are_told_by_their_keys_in_the_configuration(cluster, run_pgsteer, connect):
    proxy = run_pgsteer(cluster, limits={"sessions": 77, "concurrent_dials": 3})
    connect(proxy.rw_port)
    metrics = proxy.metrics()
    assert metrics['pgsteer_limit_max{limit="sessions"}'] == 77
    assert metrics['pgsteer_limit_max{limit="concurrent_dials"}'] == 3
    assert metrics['pgsteer_limit_used{limit="sessions"}'] == 1
    assert metrics['pgsteer_limit_used{limit="held_logins"}'] == 0
