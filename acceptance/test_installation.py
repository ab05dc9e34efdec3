"""What an administrator meets: files in their places, units that systemd takes, commands that find the server and leave nothing that is not its own."""

from __future__ import annotations

import fcntl
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time

import pytest

from server import BINARY, ROOT, Server, run

UNITS = ("comptoir.service", "comptoir.socket", "comptoir-backup.service", "comptoir-backup.timer")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("installed")
    for _ in range(2):          # the second time is an upgrade
        done = subprocess.run([ROOT / "scripts/install.sh"], env={**os.environ, "DESTDIR": str(root), "BINARY": str(BINARY)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return root


def test_everything_is_put_in_its_place(installed):
    local = installed / "usr/local"
    assert sorted(path.name for path in (local / "lib/systemd/system").iterdir()) == sorted(UNITS)
    assert {"OPERATIONS.md", "LICENSE", "Caddyfile", "haproxy.cfg", "nginx.conf", "alerts.yml", "grafana-dashboard.json"} <= {path.name for path in (local / "share/doc/comptoir").iterdir()}
    assert not list(local.rglob("*.new")) and not list(local.rglob("*.old"))
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in local.rglob("*")), "the server's user reads it"
    done = subprocess.run([local / "bin/comptoir", "config"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == (ROOT / "deploy/comptoir.conf.example").read_text()
    # It finds its pages beside itself, without any setting.
    done = subprocess.run([local / "bin/comptoir", "doctor", "--data", installed / "none"], capture_output=True, text=True, cwd="/")
    assert f"web pages in '{local}/bin/../share/comptoir/web' are complete" in done.stdout.replace("//", "/"), done.stdout


def test_systemd_takes_the_units_as_they_are(installed, tmp_path):
    for name in UNITS:
        text = (installed / "usr/local/lib/systemd/system" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/comptoir", str(installed / "usr/local/bin/comptoir")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)], capture_output=True, text=True)
    mine = [line for line in (done.stdout + done.stderr).splitlines() if "comptoir" in line]
    assert not mine, mine
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", str(tmp_path / "comptoir.service")], capture_output=True, text=True)
    assert done.returncode == 0 and "Overall exposure" in done.stdout, done.stdout[-400:] + done.stderr


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_it_tells_the_service_manager_when_it_listens_and_when_it_ends(kind, tmp_path):
    place = str(tmp_path / "notify") if kind == "path" else f"\0comptoir-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(place)
        manager.settimeout(20)
        server = Server()
        server.environment["NOTIFY_SOCKET"] = place.replace("\0", "@")
        with server:
            assert manager.recv(100) == b"READY=1"
            assert server.stop() == 0
            assert manager.recv(100) == b"STOPPING=1"
    with Server() as other:     # nobody listens there any more
        other.stop()
        other.environment["NOTIFY_SOCKET"] = place.replace("\0", "@")
        other.start()
        assert other.register().token


def older_database(directory: pathlib.Path) -> None:
    """Data of a version that knew fewer migrations."""
    directory.mkdir()
    subprocess.run(["sqlite3", directory / "comptoir.db"], input=(ROOT / "Tests/AppTests/Operations/Formats/2026-11-25.sql").read_text(), text=True, check=True, capture_output=True)


def test_a_newer_command_changes_nothing_under_an_older_server(tmp_path):
    data = tmp_path / "data"
    older_database(data)
    count = ["sqlite3", data / "comptoir.db", "SELECT count(*) FROM schema_migration"]
    before = subprocess.run(count, capture_output=True, text=True, check=True).stdout
    with open(data / "server.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)        # as the server that runs
        done = run("user", "list", "--data", str(data))
        assert done.returncode != 0 and "older version" in done.stderr and "Restart it" in done.stderr, done
        assert subprocess.run(count, capture_output=True, text=True, check=True).stdout == before
    done = run("user", "list", "--data", str(data))
    assert done.returncode == 0 and "@" in done.stdout, done.stderr
    assert subprocess.run(count, capture_output=True, text=True, check=True).stdout != before and list((data / "backups").glob("*.db"))


def test_what_root_does_leaves_nothing_that_the_server_cannot_read(tmp_path):
    """The server has a user of its own; its administrator is root. Who runs these tests as somebody else sees only that his own files stay his."""
    for place in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(place, 0o755)
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    older, data = tmp_path / "older", tmp_path / "data"
    older_database(older)
    with Server() as server:
        server.register()
        server.stop()
        shutil.copytree(server.data, data)
    for path in (older, data, *older.rglob("*"), *data.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    for command, place in ((["user", "list"], older), (["user", "token"], data), (["doctor"], data), (["backup", str(tmp_path)], data)):
        done = run(*command, "--data", str(place))
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        assert not [path for path in (*older.rglob("*"), *data.rglob("*")) if path.stat().st_uid != owner.pw_uid], command
    assert (data / "last-backup").exists() and list((older / "backups").glob("*.db"))
    assert [path.stat().st_uid for path in tmp_path.glob("*.tar")] == [os.geteuid()], "the archive belongs to who saves"


def test_commands_find_the_installed_server(tmp_path):
    """In a view of the file system of its own, where a server is installed."""
    script = f"""
        set -e
        for place in etc var/lib; do
            mkdir -p {tmp_path}/$place/up {tmp_path}/$place/work
            mount -t overlay overlay -o lowerdir=/$place,upperdir={tmp_path}/$place/up,workdir={tmp_path}/$place/work /$place
        done
        mkdir -p /etc/comptoir /var/lib/comptoir
        echo 'server_name = installed.example' > /etc/comptoir/comptoir.conf
        cd /
        {BINARY} doctor || true
        echo 'server_nam = x' >> /etc/comptoir/comptoir.conf
        {BINARY} user list 2>&1 || true
        {BINARY} user list --data /nowhere 2>&1 || true
        COMPTOIR_DATA=/elsewhere {BINARY} user list 2>&1 || true
    """
    mount = subprocess.run(["unshare", "-rm", "sh", "-c", f"mount -t tmpfs none {tmp_path}; {script}"], capture_output=True, text=True)
    text = mount.stdout + mount.stderr
    assert "The server name is 'installed.example'" in text and "data directory '/var/lib/comptoir'" in text, text
    assert "there is no setting 'server_nam'" in text, text
    assert "no server in '/nowhere'" in text and "no server in '/elsewhere'" in text, text
