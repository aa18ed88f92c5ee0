"""A real Kubernetes API for tests: kube-apiserver and etcd as processes on loopback, without a machine to run pods on.

A pod is created and its status patched by the test, as a kubelet would: its address is where the test has a PostgreSQL.
Standard library only, and tests/cluster/harness, which whoever uses this puts into the path.
"""
