"""Real PostgreSQL clusters and a real pgsteer, for tests/cluster and scripts/demo. Standard library only."""
