"""A machine of Kubernetes with the real CloudNativePG operator, closed off from the machine it runs on.

Of tests/kubernetes/kube_api it uses the API server, etcd, their client and how programs run; of tests/cluster/harness
what those use.
"""
