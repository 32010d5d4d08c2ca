"""The URLs that deploy/*/terraform makes, on a real PostgreSQL with TLS: they connect to the server that the certificate names, and
to no other. And deploy/azure/role.sql, run by an administrator who is no superuser."""

import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from operations import ROOT, clean_environment, give, new_folder, run_as_user  # noqa: E402
from stack import Cli, Cluster, Process, free_port, make_secrets, pg_program, wait_until  # noqa: E402

NAME = "0123456789ab.example-region.sql-psa.goog"


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def authority(folder, name):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def server():
    """A cluster on 127.0.0.1 with a certificate for localhost and NAME, and the role and database of the clouds."""
    folder = new_folder()
    cluster = Cluster(new_folder(folder, "pg"))
    try:
        cluster.create()
        cluster.ca, cluster.other = authority(folder, "right"), authority(folder, "wrong")
        key, request, certificate = (cluster.data / name for name in ("server.key", "server.csr", "server.crt"))
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=server", "-keyout", key, "-out", request)
        (folder / "names").write_text(f"subjectAltName=DNS:localhost,DNS:{NAME}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", cluster.ca, "-CAkey", folder / "right.key", "-CAcreateserial", "-days", "2",
            "-extfile", folder / "names", "-out", certificate)
        for path in (key, certificate, cluster.ca, cluster.other):
            path.chmod(0o600)
            give(path)
        cluster.port = free_port()
        with cluster.connect(user="postgres", dbname="postgres") as connection:
            for setting in ("ssl = on", "password_encryption = 'scram-sha-256'"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute(f"CREATE ROLE ccr_user LOGIN PASSWORD '{cluster.password}'")
            connection.execute("CREATE DATABASE ccr_ui_db OWNER ccr_user")
        with open(cluster.data / "pg_hba.conf", "a") as file:
            file.write("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        # The command line that Cluster gives says no addresses and no port: a file that comes later cannot change it.
        cluster.stop()
        listen(cluster)
        cluster.cli = Cli(new_folder(folder, "cli"), make_secrets())
        yield cluster
    finally:
        cluster.stop()
        subprocess.run(["rm", "-rf", folder], check=True)


def listen(cluster):
    cluster.process = Process([pg_program("postgres"), "-D", cluster.data, "-c", "listen_addresses=127.0.0.1", "-c", f"port={cluster.port}",
                               "-c", f"unix_socket_directories={cluster.folder}", "-c", "fsync=off"], cluster.folder / "postgres.log", death_signal="INT", cwd="/")
    connect = cluster.connect
    cluster.connect = lambda **options: connect(port=cluster.port, **options)
    wait_until("PostgreSQL accepts connections", cluster.accepts)


def url_of(server, cloud, ca, host=None):
    """As Terraform's format() makes it, with our values."""
    text = (ROOT / "deploy" / cloud / "terraform" / "main.tf").read_text()
    form = re.search(r'format\("(postgresql://[^"]+)"', text)[1].replace("%d", "%s").replace(":5432/", f":{server.port}/")
    values = {"aws": ("ccr_user", server.password, host or "localhost", server.port, "ccr_ui_db", ca),
              "gcp": ("ccr_user", server.password, host or NAME, "ccr_ui_db", "127.0.0.1", ca),
              "azure": ("ccr_user", server.password, host or "localhost", "ccr_ui_db", ca)}[cloud]
    return form % values


def check_config(server, url):
    done = server.cli.run("check-config", environment={"DATABASE_URL": url})
    return next(line for line in (done.stdout + done.stderr).splitlines() if "database" in line.lower())


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_the_url_verifies_authority_and_name(server, cloud):
    assert "PostgreSQL 1" in check_config(server, url_of(server, cloud, server.ca))
    assert "certificate verify failed" in check_config(server, url_of(server, cloud, server.other))
    foreign = "127.0.0.1" if cloud != "gcp" else "another.example-region.sql-psa.goog"
    assert "does not match host name" in check_config(server, url_of(server, cloud, server.ca, foreign))


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_a_backup_takes_the_same_url(server, cloud):
    server.cli.run("migrate", "up", check=True, environment={"DATABASE_URL": url_of(server, cloud, server.ca)})
    folder = new_folder(server.folder, f"b-{secrets.token_hex(4)}")
    tools = new_folder(server.folder, f"t-{secrets.token_hex(4)}")
    for name in ("backup.sh", "database.sh"):
        (tools / name).write_bytes((ROOT / "scripts" / name).read_bytes())
        (tools / name).chmod(0o755)
        give(tools / name)
    for ca, status in ((server.ca, 0), (server.other, 69)):
        done = run_as_user([tools / "backup.sh", "--directory", folder], DATABASE_URL=url_of(server, cloud, ca))
        assert done.returncode == status, done.stderr
    assert "certificate verify failed" in done.stderr and len(list(folder.glob("*.dump"))) == 1


def test_role_sql_makes_an_ordinary_role(server):
    """By an administrator as Azure has it: no superuser, but one whom row-level security does not hold."""
    with server.connect(user="postgres", dbname="postgres") as connection:
        connection.execute("DROP DATABASE ccr_ui_db WITH (FORCE)")
        connection.execute("DROP ROLE ccr_user")
        connection.execute("CREATE ROLE ccr_admin LOGIN CREATEROLE CREATEDB BYPASSRLS PASSWORD 'administrator'")
    passwords = [secrets.token_hex(12), server.password]
    for password in passwords:  # again: a new password
        done = subprocess.run(["psql", "-X", "-f", ROOT / "deploy" / "azure" / "role.sql"], capture_output=True, text=True, timeout=60, cwd="/",
                              env=clean_environment(PGHOST="localhost", PGPORT=str(server.port), PGUSER="ccr_admin", PGDATABASE="postgres", PGPASSWORD="administrator",
                                                    PGSSLMODE="verify-full", PGSSLROOTCERT=str(server.ca), DATABASE_PASSWORD=password))
        assert done.returncode == 0, done.stdout + done.stderr
        assert password not in done.stdout + done.stderr
    with server.connect(user="postgres", dbname="postgres") as connection:
        row = connection.execute("SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname = 'ccr_user'").fetchone()
        assert row == (False, False, False, False, True)
        assert connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ccr_ui_db'").fetchone() == ("ccr_user",)
        assert connection.execute("SELECT count(*) FROM pg_auth_members WHERE roleid = 'ccr_user'::regrole").fetchone() == (0,)
    url = url_of(server, "azure", server.ca)
    server.cli.run("migrate", "up", check=True, environment={"DATABASE_URL": url})
    assert "PostgreSQL 1" in check_config(server, url)
