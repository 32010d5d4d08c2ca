"""scripts/install.sh on a fresh Debian: without systemd running, as in a container, and then under one. The tests follow on
each other."""

import re

import pytest

from operations import Watch, wait_until
from tree import BUILD_S, ENVIRONMENT, Load

ENV_FILE = "/etc/ccr-ui/ccr-ui.env"
SOURCES = "/root/ccr-ui-backend"
LISTING = "find /etc /usr/local /var/lib /var/log /run -newer /root/before ! -type d ! -path '*/apt/*'"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machine(debian_tree, checkout):
    tree = debian_tree()
    checkout(tree)
    build, run = (re.search(rf"^{name}=\((.*?)\)", tree.read(f"{SOURCES}/scripts/lib.sh"), re.M | re.S).group(1).split()
                  for name in ("BUILD_PACKAGES", "RUN_PACKAGES"))
    tree.run("apt-get", "install", "-qy", "ccache")
    tree.download(*build, *run, "postgresql")
    return tree.boot(systemd=False)


def install(machine, *arguments):
    """Each time it builds in a folder of its own; what it compiled before in the same way need not be compiled again."""
    compiled_once = {"PATH": f"/usr/lib/ccache:{ENVIRONMENT['PATH']}", "CCACHE_DIR": "/var/cache/ccache", "CCACHE_NOHASHDIR": "1", "CCACHE_DEPEND": "1"}
    return machine.run(f"{SOURCES}/scripts/install.sh", *arguments, timeout=BUILD_S, env=compiled_once).stdout


def test_dry_run_changes_nothing(machine):
    machine.run("touch", "/root/before")
    out = install(machine, "--dry-run", "--server-name", "ccr.example.org")
    for part in ("would install: build-essential", "would write /etc/ccr-ui/ccr-ui.env (0640 root:ccr)", "migrate up",
                 "systemctl --quiet enable ccr-ui-backend.socket"):
        assert part in out, out
    assert machine.shell(LISTING).stdout == ""


def test_wrong_arguments(machine):
    for arguments in (["--nonsense"], ["--prefix", "here"], ["--server-name"], ["--certificate", "/etc/passwd"]):
        done = machine.run(f"{SOURCES}/scripts/install.sh", "--no-packages", "--dry-run", *arguments, check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, (arguments, done)


def test_install_without_systemd_prints_what_to_start(machine):
    out = install(machine, "--server-name", "ccr.example.org")
    lines = [line.strip() for line in out.partition("by hand:\n")[2].splitlines() if line.startswith("  ")]
    assert len(lines) == 3, out
    assert machine.run("stat", "-c", "%a %U:%G", ENV_FILE).stdout == "640 root:ccr\n"
    machine.shell("\n".join(lines).replace(" &", " >/var/log/ccr-ui/serve.log 2>&1 &"))
    machine.wait_healthy()
    machine.run("ccr-ui-backend", "user", "add", "admin", "--site-admin", "--env-file", ENV_FILE, input="a password of some length\n")


def test_under_systemd_it_comes_up_by_itself(machine):
    machine.shell("pkill -u ccr; nginx -s quit; pg_ctlcluster 15 main stop")
    machine.shut_down()
    machine.boot()
    machine.wait_healthy(30)
    assert machine.run("systemctl", "is-active", "ccr-ui-backend.socket", "ccr-ui-backend.service").stdout.split() == ["active"] * 2


def test_again_upgrades_and_loses_no_request(machine):
    machine.write(ENV_FILE, machine.read(ENV_FILE) + "RATE_LIMIT=0\n")
    machine.run("ccr-ui-setup", "RATE=1000000")
    before = machine.read(ENV_FILE)
    machine.shell(f"sed -i 's/^VERSION := .*/VERSION := 9.9.9/' {SOURCES}/Makefile")
    machine.write("/usr/local/share/ccr-ui-backend/nginx/of-an-earlier-version.conf", "")
    machine.shell("echo /usr/local/share/ccr-ui-backend/nginx/of-an-earlier-version.conf >>/usr/local/share/ccr-ui-backend/installed-files; "
                  "sort -o /usr/local/share/ccr-ui-backend/installed-files /usr/local/share/ccr-ui-backend/installed-files")
    with Load(machine) as load:
        install(machine)
    load.check("install.sh again", nginx_reloads=2)  # its own, and ours just before
    assert machine.read(ENV_FILE) == before
    pid = machine.run("systemctl", "show", "-P", "MainPID", "ccr-ui-backend.service").stdout.strip()
    assert machine.run(f"/proc/{pid}/exe", "version").stdout.split()[1] == "9.9.9"
    assert not machine.exists("/usr/local/share/ccr-ui-backend/nginx/of-an-earlier-version.conf")
    assert "admin" in machine.run("ccr-ui-backend", "user", "list", "--env-file", ENV_FILE).stdout


def answers(machine, url, wanted):
    """Nginx reloads when setup has ended."""
    def ask():
        return machine.run("curl", "-sSk", "-m", "10", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", url, check=False).stdout.strip() == wanted
    wait_until(f"{url} answers {wanted}", ask, step=0.2)
    return True


def test_ccr_ui_is_copied_and_served(machine):
    machine.shell("umask 077; mkdir -p /root/ui/assets; echo '<title>CCR UI</title>' >/root/ui/index.html; echo 'let a;' >/root/ui/assets/app.js")
    out = machine.run("ccr-ui-setup", "--ui", "/root/ui").stdout
    assert "http://localhost:8081" in out, out
    machine.shell("rm -r /root/ui")
    places = ["127.0.0.1:8081", "127.0.0.1:48081", *(["[::1]:8081", "[::1]:48081"] if machine.exists("/proc/net/if_inet6") else [])]
    for site in ("https://ccr.example.org", *(f"http://{place}" for place in places)):
        assert answers(machine, f"{site}/configs", f"302 {site}/login?next=/configs")
        assert answers(machine, f"{site}/assets/app.js", "200")
        assert answers(machine, f"{site}/api/configs", "401")
    assert "left out" not in (again := machine.run("ccr-ui-setup")).stdout + again.stderr
    machine.run("ccr-ui-setup", "UI_LISTEN=none")
    assert answers(machine, "http://127.0.0.1:8081/", "000")
    machine.shell("perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => q(127.0.0.1:48081)); sleep 1000' "
                  ">/dev/null 2>&1 & echo $! >/root/taken; until ss -ltnH | grep -q :48081; do sleep 0.1; done")
    said = machine.run("ccr-ui-setup", "UI_LISTEN=").stderr
    machine.shell("kill $(cat /root/taken)")
    assert said.strip() == "127.0.0.1:48081 is in use by another program and left out: CCR UI's page Monitoring works at no other port"
    assert answers(machine, "http://127.0.0.1:8081/assets/app.js", "200")
    machine.run("ccr-ui-setup", "--ui", "none")
    assert answers(machine, "https://ccr.example.org/", "302 https://ccr.example.org/console/")
    assert answers(machine, "http://127.0.0.1:8081/", "000") and not machine.exists("/var/lib/ccr-ui/frontend")


def test_a_site_changed_by_hand_stays(machine):
    site = "/etc/nginx/sites-available/ccr-ui-backend"
    machine.write(site, machine.read(site) + "# mine\n")
    out = machine.run("ccr-ui-setup").stdout
    assert "changed by hand" in out and machine.read(site).endswith("# mine\n")


def test_the_url_of_a_database_elsewhere_is_in_no_process_list(machine):
    """The machine's own database stands for the one elsewhere."""
    before = machine.read(ENV_FILE)
    url = re.search(r"^DATABASE_URL=(.*)$", before, re.M)[1]
    password = url.split(":")[2].split("@")[0]
    elsewhere = url.replace("127.0.0.1", "localhost")
    with Watch() as watch:
        machine.run("ccr-ui-setup", "--database-url-file", "-", input=elsewhere + "\n")
        assert machine.read(ENV_FILE) == before.replace(url, elsewhere)
        machine.write("/root/url", url)
        machine.run("ccr-ui-setup", "--database-url-file", "/root/url")
    assert machine.read(ENV_FILE) == before
    assert "ccr-ui-setup --database-url-file -" in watch.text and "migrate up" in watch.text and password not in watch.text


def test_uninstall_keeps_the_data(machine):
    machine.run(f"{SOURCES}/scripts/uninstall.sh")
    assert machine.exists(ENV_FILE)
    assert machine.shell("find /usr/local /run/ccr-ui-backend -name '*ccr*' -o -name '*fastcgi*'", check=False).stdout == ""
    machine.run("nginx", "-t")
    assert machine.get("/api/system/status")[0] == 0
    assert machine.run("runuser", "-u", "postgres", "--", "psql", "-qAtc", "SELECT count(*) FROM users", "ccr_ui_db").stdout.strip() == "1"


def test_installed_elsewhere_it_goes_on(machine):
    machine.shell("sed -i '/^# mine$/d' /etc/nginx/sites-available/ccr-ui-backend")
    install(machine, "--prefix", "/opt/ccr", "--no-packages")
    machine.wait_healthy()
    assert "admin" in machine.run("/opt/ccr/bin/ccr-ui-backend", "user", "list", "--env-file", ENV_FILE).stdout


def test_purge_leaves_nothing(machine):
    machine.run(f"{SOURCES}/scripts/uninstall.sh", "--prefix", "/opt/ccr", "--purge")
    assert machine.shell("find /opt/ccr /etc/ccr-ui /var/lib/ccr-ui /var/log/ccr-ui /etc/systemd /etc/nginx ! -type d 2>/dev/null | grep ccr",
                         check=False).stdout == ""
    assert machine.run("getent", "passwd", "ccr", check=False).returncode == 2
    found = machine.run("runuser", "-u", "postgres", "--", "psql", "-qAtc",
                        "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles").stdout
    assert "ccr" not in found
    machine.run(f"{SOURCES}/scripts/uninstall.sh", "--prefix", "/opt/ccr", "--purge")  # once more: nothing to do is no error
