"""A machine of Kubernetes with the real CloudNativePG operator, closed off from the machine it runs on.

For the tests of tests/machine, and for scripts/soak cnpg.

Of tests/kubernetes/kube_api it uses the API server, etcd, their client and how programs run; of tests/cluster/harness
what those use.
"""
