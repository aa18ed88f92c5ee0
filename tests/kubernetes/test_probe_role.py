"""The Job that makes the probe's role: its command, run here as its container would run it."""
import os
import subprocess
from pathlib import Path

import psycopg2
import pytest

from kube_api.manifests import helm_template, named

VALUES = Path(__file__).parent / "values" / "probe-role-job.yaml"
# What the Secrets have that the Job names: an administrator who may create roles and is no superuser.
ADMIN, ADMIN_PASSWORD = "administrator", "admin's password"
PASSWORD = "it's \\ a \"password\""
ROLE = 'pgsteer "probe"'


@pytest.fixture
def run_job(cluster, namespace):
    """run_job(): what psql says, as the administrator."""
    cluster.primary.sql(f"create role {ADMIN} login createrole password 'admin''s password'")
    container = named(helm_template(VALUES, "--set", f"config.probe.user={ROLE}", namespace=namespace),
                      "Job")["spec"]["template"]["spec"]["containers"][0]
    secrets = {"PGUSER": ADMIN, "PGPASSWORD": ADMIN_PASSWORD, "PROBE_PASSWORD": PASSWORD}
    environment = {each["name"]: each.get("value", secrets.get(each["name"])) for each in container["env"]}
    assert environment["PROBE_ROLE"] == ROLE
    host, _, port = cluster.primary.address.rpartition(":")

    def run() -> str:
        done = subprocess.run(container["command"], text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**environment, "PGHOST": host, "PGPORT": port, "PATH": os.environ["PATH"]})
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    yield run
    cluster.primary.sql(f'drop role if exists "{ROLE.replace(chr(34), 2 * chr(34))}"')
    cluster.primary.sql(f"drop role {ADMIN}")


def test_role_may_log_in_and_nothing_else(cluster, run_job):
    assert run_job() == "CREATE ROLE\n"
    host, _, port = cluster.primary.address.rpartition(":")
    with psycopg2.connect(host=host, port=port, user=ROLE, password=PASSWORD, dbname="postgres") as connection:
        with connection.cursor() as cursor:
            cursor.execute("select rolcanlogin, rolsuper or rolcreaterole or rolcreatedb or rolreplication or "
                           "rolbypassrls, (select count(*) from pg_auth_members where member = pg_roles.oid) "
                           "from pg_roles where rolname = current_user")
            assert cursor.fetchone() == (True, False, 0)
    connection.close()


# Once more with each upgrade: an administrator may have changed the role since.
def test_role_that_exists_stays_as_it_is(cluster, run_job):
    run_job()
    cluster.primary.sql(f'alter role "{ROLE.replace(chr(34), 2 * chr(34))}" connection limit 7')
    assert run_job() == ""
    assert cluster.primary.sql("select rolconnlimit from pg_roles where rolname like 'pgsteer %'") == "7"
