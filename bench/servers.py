"""The servers that the benchmark runs, each with fresh data on the loopback interface: Comptoir and those it is compared with.

All of them have the works' messages in an archive, and none limits rates. What each has on disk before it answers or delivers:

- Comptoir on SQLite: synchronous=FULL; a request is answered after the fsync of its commit.
- Comptoir on PostgreSQL, Synapse: synchronous_commit=on; a request is answered after the commit.
- ejabberd on PostgreSQL: the archive (mod_mam) is one statement a message and receiver, committed with synchronous_commit=on in
  the hook that runs before the message goes on. The roster of who is in a room, and nothing else of a message, is in Mnesia, without fsync.
- prosody on SQLite: write-ahead log with synchronous=FULL, one commit a message and archive, in the hook that runs before the message goes on.
- ejabberd on Mnesia and prosody on files write their archives without fsync: a power cut loses the last messages. They are run only when named.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "bench.local"
PASSWORD = "bench password"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Problem(Exception):
    """A server did not do what it had to."""


class Postgres:
    """A cluster of its own. Every server gets the same settings."""

    SETTINGS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "wal_compression": "on", "wal_level": "minimal", "max_wal_senders": "0",
                "shared_buffers": "512MB", "effective_cache_size": "4GB", "work_mem": "16MB", "maintenance_work_mem": "128MB", "max_wal_size": "2GB",
                "max_connections": "100", "jit": "off", "random_page_cost": "1.1"}

    def __init__(self, directory: pathlib.Path, database: str):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise Problem("PostgreSQL is not installed")
        self.bin, self.data, self.port = found[-1].parent, directory / "postgres", free_port()
        self.data.mkdir()
        if os.getuid() == 0:   # PostgreSQL refuses to run as root
            shutil.chown(self.data, "postgres", "postgres")
        self.run("initdb", "-D", self.data, "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C")
        options = " ".join(f"-c {key}={value}" for key, value in self.SETTINGS.items())
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.data / "log", "-o", f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.data} {options}", "start")
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", database)
        self.url = f"postgresql://bench@127.0.0.1:{self.port}/{database}"

    def run(self, command: str, *arguments) -> None:
        full = [str(self.bin / command), *map(str, arguments)]
        if os.getuid() == 0:
            full = ["runuser", "-u", "postgres", "--", *full]
        done = subprocess.run(full, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd="/")
        if done.returncode:
            raise Problem(f"{command} failed: {done.stderr[-500:]}")

    def sql(self, database: str, file: pathlib.Path) -> None:
        self.run("psql", "-qX", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-d", database, "-f", file)

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")


class Server:
    """One server and the database that it needs, in a directory that is removed with it."""

    protocol = "matrix"

    def __init__(self, label: str):
        self.label = label
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="comptoir-bench-"))
        self.directory.chmod(0o755)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = self.directory / "server.log"
        self.process: subprocess.Popen | None = None
        self.postgres: Postgres | None = None
        self.environment: dict[str, str] = {}

    def prepare(self) -> None:
        """Before the first start."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> float:
        """Milliseconds from the start of the process until it listens, and answers where it speaks HTTP."""
        if self.process is None:
            self.prepare()
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, **self.environment})
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    break
            except OSError:
                self.check()
                if time.monotonic() - began > 120:
                    raise Problem(f"{self.label} did not listen within 120 s:\n{self.tail()}") from None
                time.sleep(0.002)
        if self.protocol == "matrix":
            with urllib.request.urlopen(self.base + "/_matrix/client/versions", timeout=60) as answer:
                answer.read()
        return (time.monotonic() - began) * 1000

    def check(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            raise Problem(f"{self.label} ended with status {self.process.returncode}:\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def remove(self) -> None:
        self.stop()
        if self.postgres:
            self.postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> "Server":
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.remove()

    def pids(self) -> list[int]:
        """The processes that do the work; their children are found from them."""
        return [self.process.pid] + ([self.postgres.pid] if self.postgres else [])

    def memory_mib(self) -> float:
        """Resident memory with all descendants; pages that processes share count once."""
        total = 0
        for pid in descendants(self.pids()):
            try:
                lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024

    def resident_mib(self) -> float:
        """Resident memory of the server's own process."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Problem("no VmRSS")

    def arguments(self) -> list[str]:
        """For the load generator."""
        return ["-proto", "matrix", "-base", self.base, "-server-name", NAME]


def descendants(roots: list[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found, waiting = set(), list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


class Comptoir(Server):
    def __init__(self, binary: pathlib.Path, database: str = "sqlite", url: str | None = None, cheap: bool = True):
        super().__init__("Comptoir" if database == "sqlite" else "Comptoir, PostgreSQL")
        self.binary, self.database, self.url, self.cheap = binary, database, url, cheap
        # The idle clients come from a few addresses of this machine, as from behind a proxy.
        self.environment["COMPTOIR_CONNECTIONS_PER_ADDRESS"] = "50000"

    def prepare(self) -> None:
        if self.database == "postgres" and self.url is None:
            self.postgres = Postgres(self.directory, "comptoir")
            self.url = self.postgres.url

    def options(self) -> list[str]:
        return ["--data", str(self.directory / "data"), "--server-name", NAME] + (["--database", self.url] if self.url else [])

    def command(self) -> list[str]:
        return [str(self.binary), "serve", *self.options(), "--listen", f"127.0.0.1:{self.port}", "--open-registration", "--no-rate-limits"] \
            + (["--cheap-password-hashing"] if self.cheap else [])

    def administrator(self, name: str) -> None:
        """The first one becomes the owner of the desk."""
        done = subprocess.run([str(self.binary), "user", "create", name, "--admin", *self.options()], input=PASSWORD + "\n", capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Problem(f"user create failed: {done.stderr[-500:]}")


class Synapse(Server):
    python = ROOT / ".venv-peers/bin/python"

    def __init__(self):
        super().__init__("Synapse, PostgreSQL")

    def prepare(self) -> None:
        self.postgres = Postgres(self.directory, "synapse")
        many = "{per_second: 1000000, burst_count: 1000000}"
        (self.directory / "media").mkdir()
        (self.directory / "log.yaml").write_text(f"""\
version: 1
handlers: {{file: {{class: logging.FileHandler, filename: {self.log}}}}}
root: {{level: WARNING, handlers: [file]}}
disable_existing_loggers: false
""")
        (self.directory / "homeserver.yaml").write_text(f"""\
server_name: {NAME}
public_baseurl: {self.base}/
pid_file: {self.directory}/pid
signing_key_path: {self.directory}/signing.key
media_store_path: {self.directory}/media
log_config: {self.directory}/log.yaml
listeners: [{{port: {self.port}, bind_addresses: [127.0.0.1], type: http, resources: [{{names: [client]}}]}}]
database: {{name: psycopg2, txn_limit: 10000, args: {{host: 127.0.0.1, port: {self.postgres.port}, user: bench, dbname: synapse, cp_min: 5, cp_max: 10}}}}
enable_registration: true
enable_registration_without_verification: true
macaroon_secret_key: bench
form_secret: bench
bcrypt_rounds: 4            # registering is not what is measured
trusted_key_servers: []
report_stats: false
presence: {{enabled: false}}
user_directory: {{enabled: false}}
caches: {{global_factor: 2.0}}
event_cache_size: 50K
rc_message: {many}
rc_registration: {many}
rc_login: {{address: {many}, account: {many}, failed_attempts: {many}}}
rc_joins: {{local: {many}, remote: {many}}}
rc_joins_per_room: {many}
rc_invites: {{per_room: {many}, per_user: {many}, per_issuer: {many}}}
rc_room_creation: {many}
""")
        done = subprocess.run([*self.command(), "--generate-keys"], capture_output=True, text=True)
        if done.returncode:
            raise Problem(f"Synapse made no keys: {done.stderr[-1000:]}")
        for library in pathlib.Path("/usr/lib").glob("*/libjemalloc.so.2"):   # as its own documentation advises
            self.environment["LD_PRELOAD"] = str(library)

    def command(self) -> list[str]:
        return [str(self.python), "-m", "synapse.app.homeserver", "-c", str(self.directory / "homeserver.yaml")]


class XMPP(Server):
    protocol = "xmpp"

    def arguments(self) -> list[str]:
        return ["-proto", "xmpp", "-addr", f"127.0.0.1:{self.port}", "-server-name", NAME]


class Ejabberd(XMPP):
    def __init__(self, durable: bool = True):
        super().__init__("ejabberd, PostgreSQL" if durable else "ejabberd, Mnesia")
        self.durable = durable

    def prepare(self) -> None:
        storage = "default_db: mnesia\nauth_method: [internal]"
        if self.durable:
            self.postgres = Postgres(self.directory, "ejabberd")
            self.postgres.sql("ejabberd", pathlib.Path("/usr/share/ejabberd/sql/pg.sql"))
            storage = (f"default_db: sql\nauth_method: [sql]\nsql_type: pgsql\nsql_server: 127.0.0.1\nsql_port: {self.postgres.port}\n"
                       "sql_database: ejabberd\nsql_username: bench\nsql_password: bench\nsql_pool_size: 10")
        (self.directory / "spool").mkdir()
        (self.directory / "ejabberd.yml").write_text(f"""\
hosts: [{NAME}]
loglevel: warning
acme: {{auto: false}}
auth_password_format: plain  # registering is not what is measured
registration_timeout: infinity
max_fsm_queue: 100000
s2s_access: none
{storage}
listen: [{{port: {self.port}, ip: 127.0.0.1, module: ejabberd_c2s, starttls: false, shaper: none, access: all, max_stanza_size: 262144, backlog: 4096}}]
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_mam: {{default: always, assume_mam_usage: true}}
  mod_muc:
    access: [allow]
    access_create: [allow]
    access_mam: [allow]
    min_message_interval: 0
    min_presence_interval: 0
    history_size: 0
    max_users: 5000
    max_user_conferences: 5000
    default_room_options: {{persistent: true, mam: true, max_users: 5000, public: false}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_register: {{access: all, ip_access: all, access_from: all, password_strength: 0}}
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
  mod_vcard: {{search: false}}
  mod_version: {{}}
""")
        (self.directory / "inetrc").touch()
        self.environment = {"EJABBERD_CONFIG_PATH": str(self.directory / "ejabberd.yml"), "EJABBERD_LOG_PATH": str(self.directory / "ejabberd.log"),
                            "ERL_LIBS": str(next(pathlib.Path("/usr/lib").glob("*/ejabberd-*")).parent), "ERL_INETRC": str(self.directory / "inetrc"),
                            "ERL_CRASH_DUMP": str(self.directory / "dump"), "HOME": str(self.directory), "ERL_EPMD_ADDRESS": "127.0.0.1"}

    def command(self) -> list[str]:
        # Schedulers that wait do not spin: it would count as work.
        return ["erl", "+K", "true", "+P", "250000", "+Q", "65536", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "-noinput",
                "-mnesia", "dir", f'"{self.directory / "spool"}"', "-s", "ejabberd"]


class Prosody(XMPP):
    def __init__(self, durable: bool = True):
        super().__init__("prosody, SQLite" if durable else "prosody, files")
        self.durable = durable

    def prepare(self) -> None:
        data = self.directory / "data"
        data.mkdir()
        storage = 'storage = "internal"'
        if self.durable:
            storage = f'storage = "sql"\nsql = {{ driver = "SQLite3", database = "{data}/prosody.sqlite" }}'
            with sqlite3.connect(data / "prosody.sqlite") as db:
                db.execute("PRAGMA journal_mode=WAL")   # stays with the file; synchronous is FULL by default
                db.execute("CREATE TABLE bench(a)")
        (self.directory / "prosody.cfg.lua").write_text(f"""\
data_path = "{data}"
certificates = "{self.directory}"
pidfile = "{self.directory}/pid"
run_as_root = true
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.port} }}
c2s_direct_tls_ports = {{}}; s2s_ports = {{}}; http_ports = {{}}; https_ports = {{}}
modules_enabled = {{ "roster"; "saslauth"; "disco"; "blocklist"; "carbons"; "private"; "smacks"; "csi_simple"; "ping"; "register"; "mam"; "version"; }}
modules_disabled = {{ "s2s"; "tls" }}
allow_registration = true
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain" -- registering is not what is measured
network_settings = {{ tcp_backlog = 4096 }}
archive_expires_after = "never"
default_archive_policy = true
max_archive_query_results = 250
log = {{ warn = "{self.log}" }}
{storage}
VirtualHost "{NAME}"
Component "conference.{NAME}" "muc"
  modules_enabled = {{ "muc_mam" }}
  muc_log_by_default = true
  muc_log_presences = false
  muc_log_expires_after = "never"
  restrict_room_creation = false
  muc_room_locking = false
  muc_room_default_persistent = true
""")

    def command(self) -> list[str]:
        return ["prosody", "-F", "--config", str(self.directory / "prosody.cfg.lua")]
