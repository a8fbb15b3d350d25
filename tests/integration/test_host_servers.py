"""Servers that speak no HTTP, under a short load: what they answer, log and leave behind is the same, and nothing is traced."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import MySQLdb
import pytest

from harness import MariaDB, OtlpSink, free_port, not_under, run, start, wait_until
from harness.programs import instrumented_command, telemetry
from harness.servers import answers, program
from host import SETTINGS

ME = pwd.getpwuid(os.geteuid()).pw_name


def shape(text):
    """Log lines without what differs from run to run: numbers, dates, names of temporary folders, order."""
    lines = re.sub(r"(?m)^\S* ?\d+ \w{3} \d{4} ", "", text.decode("utf-8", "replace")).splitlines()
    return sorted(re.sub(r"\d[\d.]*", "N", re.sub(r"[\w./-]*/oi-\w+", "FOLDER", line)) for line in lines)


@dataclass
class Place:
    """Where one of the two runs takes place, and how programs are started there."""

    folder: Path
    port: int
    sink: object = None  # None: bare
    found: list = field(default_factory=list)  # what is compared

    def words(self, command):
        return instrumented_command(command) if self.sink else command

    def env(self):
        return telemetry(self.sink, SETTINGS) if self.sink else {}

    def run(self, *command, status=0, extra=None, **kw):
        """To its end; what it said counts."""
        result = run(self.words(command), env={**self.env(), **(extra or {})}, cwd=self.folder, **kw)
        assert result.returncode == status, result
        self.found.append((shape(result.stdout), shape(result.stderr)))
        return result.stdout

    def serve(self, command, ready, talk):
        """A server for the time of talk(); its log, in a file, and its exit status count."""
        with open(self.folder / "log", "wb") as log:
            process = start(self.words(command), env=self.env(), cwd=self.folder, stdout=log, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or ready(), 60, f"{command[0]} being ready")
            assert process.poll() is None, self.log
            self.found.append(talk())
            process.terminate()
            process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.found.append((shape(self.log), process.returncode))

    @property
    def log(self):
        return (self.folder / "log").read_bytes()

    def logs(self, text, times):
        """Waits until `text` has been logged so often: sessions end later than their clients."""
        wait_until(lambda: self.log.count(text) >= times, what=f"{times} times {text}")


@pytest.fixture
def unchanged():
    """unchanged(session): session(place), once bare and once instrumented, on the same port."""
    folders = [Path(tempfile.mkdtemp(prefix="oi-")) for _ in range(2)]

    def both(session):
        port, found = free_port(), []
        for folder, bare in zip(folders, (True, False)):
            folder.chmod(0o755)
            with OtlpSink() as sink:
                place = Place(folder, port, None if bare else sink)
                session(place)
                assert sink.requests == []
            found.append(place.found)
        assert found[0] == found[1]

    yield both
    for folder in folders:
        shutil.rmtree(folder)


SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
StrictModes no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
Subsystem sftp internal-sftp
"""


@not_under("address", "sshd filters the system calls of the process that talks before the login, and the runtime makes others")
def test_a_login_with_ssh(unchanged, tmp_path):
    """sshd confines the process that talks before the login: another user, another root, a filter of system calls."""
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    sent = os.urandom(300000)
    (tmp_path / "sent").write_bytes(sent)

    def session(place):
        (place.folder / "conf").write_text(SSHD.format(port=place.port, folder=tmp_path))
        options = ["-F", "none", "-i", str(tmp_path / "key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=known"]

        def talk():
            ssh = ["ssh", *options, "-p", str(place.port), f"{ME}@127.0.0.1"]
            place.run(*ssh, "echo said; echo wrong >&2; id -un; env | grep -c -e PRELOAD -e OTEL -e TRACEPARENT; exit 3", status=3)
            place.run(*ssh, "sha256sum && seq 100000 | tail -n 1", input=sent)
            place.run(*ssh, "-tt", "tty > /dev/null && echo a terminal")
            place.run("scp", *options, "-P", str(place.port), str(tmp_path / "sent"), f"{ME}@127.0.0.1:{place.folder}/got")
            assert (place.folder / "got").read_bytes() == sent
            place.logs(b"Disconnected from user", 4)

        place.serve([program("sshd"), "-D", "-e", "-f", "conf"], lambda: b"listening on 127.0.0.1" in place.log, talk)

    unchanged(session)


def test_redis_server_under_load_with_a_snapshot_and_a_restart(unchanged):
    """It forks to write its snapshot and to rewrite its log."""
    def session(place):
        socket = str(place.folder / "socket")
        server = ["redis-server", "--port", str(place.port), "--bind", "127.0.0.1", "--unixsocket", socket, "--save", "",
                  "--appendonly", "yes", "--enable-debug-command", "local", "--io-threads", "2"]

        def cli(*words):
            return subprocess.run(["redis-cli", "-s", socket, *words], capture_output=True, text=True, check=True).stdout

        def content():
            return cli("DBSIZE"), cli("DEBUG", "DIGEST"), cli("GET", "last")

        def load():
            subprocess.run(["redis-benchmark", "-q", "-p", str(place.port), "-n", "1000", "-c", "10", "-P", "4", "-t",
                            "set,get,incr,lpush,sadd,hset,zadd,mset"], capture_output=True, check=True)
            for command, running in (("BGSAVE", "rdb_bgsave_in_progress"), ("BGREWRITEAOF", "aof_rewrite_in_progress")):
                cli(command)
                wait_until(lambda running=running: f"{running}:0" in cli("INFO", "persistence"))
            cli("SET", "last", "word")
            told = cli("INFO", "persistence")
            assert "rdb_last_bgsave_status:ok" in told and "aof_last_bgrewrite_status:ok" in told and "rdb_saves:1" in told
            return content()

        def ready():
            return answers(("127.0.0.1", place.port), b"PING\r\n") and answers(socket, b"PING\r\n")

        place.serve(server, ready, load)
        place.serve(server, ready, content)
        assert place.found[0] == place.found[2] and place.found[0][2] == "word\n"
        place.found.append(sorted(path.name for path in place.folder.rglob("*")))

    unchanged(session)


STATEMENTS = [
    "CREATE TABLE item (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60), body LONGBLOB, KEY (name)) ENGINE=InnoDB",
    "CREATE TABLE note (id INT PRIMARY KEY, text TEXT) ENGINE=Aria",
]


def ask(port, *statements):
    connection = MySQLdb.connect(host="127.0.0.1", port=port, user="app", passwd="secret", db="shop", autocommit=True)
    cursor, found = connection.cursor(), []
    for statement in statements:
        cursor.execute(*statement) if isinstance(statement, tuple) else cursor.execute(statement)
        found.append(cursor.fetchall())
    connection.close()
    return found


def test_mariadbd_under_load_and_restarted(unchanged):
    """Each connection has its thread; the server is restarted with what recovery finds."""
    def session(place):
        server = MariaDB()
        server.folder, server.port = place.folder, place.port
        server.prepare()

        def client(number):
            for turn in range(20):
                ask(place.port, ("INSERT INTO item (name, body) VALUES (%s, %s)", (f"{number}", b"x" * (5000 * (turn + 1)))),
                    "SET @id = LAST_INSERT_ID()",
                    f"INSERT INTO note VALUES ({number * 100 + turn}, REPEAT('y', 1000))", "SELECT COUNT(*) FROM item", "BEGIN",
                    "UPDATE item SET body = 'z' WHERE id = @id",
                    "COMMIT" if turn % 2 else "ROLLBACK")

        def content():
            return ask(place.port, "SELECT name, MD5(body), COUNT(*) FROM item GROUP BY 1, 2 ORDER BY 1, 2",
                       "CHECK TABLE item, note EXTENDED", "SELECT COUNT(*), SUM(LENGTH(text)) FROM note")

        def load():
            ask(place.port, *STATEMENTS)
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(client, range(4)))
            return content()

        place.serve(server.command(), server.ready, load)
        place.serve(server.command(), server.ready, content)
        assert place.found[0] == place.found[2]

    unchanged(session)


WORK = b"""
CREATE TABLE note (id int PRIMARY KEY, text text);
INSERT INTO note SELECT i, repeat('x', i) FROM generate_series(1, 50) i;
BEGIN; DELETE FROM note; ROLLBACK;
CREATE INDEX ON note (text);
COPY (SELECT 1) TO PROGRAM 'cat > copied';
CHECKPOINT;
"""


def test_postgres_made_under_load_and_restarted(unchanged):
    """A process for each connection, and it does not run as root."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert installed, "PostgreSQL is not installed: ./bootstrap check installs what the tests need"
    tools = installed[-1].parent

    def session(place):
        user = []
        if os.geteuid() == 0:
            os.chown(place.folder, 65534, 65534)
            user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        options = ["-h", str(place.folder), "-p", str(place.port), "-U", "app", "postgres"]
        server = [*user, str(tools / "postgres"), "-D", "data", "-k", str(place.folder), "-p", str(place.port), "-c",
                  "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=8MB", "-c", "autovacuum=off"]

        def tool(name, *words, **kw):
            result = run([tools / name, *words], cwd=place.folder, **kw)
            assert result.returncode == 0, result
            return result.stdout

        def content():
            return tool("psql", *options, "-Atc", "SELECT count(*), sum(abalance) FROM pgbench_accounts; SELECT count(*), sum(delta) "
                        "FROM pgbench_history; SELECT sum(bbalance) FROM pgbench_branches; SELECT * FROM note ORDER BY 1")

        def load():
            tool("pgbench", "-q", "-i", *options)
            tool("pgbench", "-n", "-c", "4", "-j", "2", "-t", "25", "--random-seed=7", *options)
            tool("psql", *options, "-v", "ON_ERROR_STOP=1", "-At", input=WORK)
            return content(), (place.folder / "data" / "copied").read_bytes()

        place.run(*user, str(tools / "initdb"), "-D", "data", "-U", "app", "-A", "trust", "-N", "-k", "--locale=C.UTF-8")

        def ready():
            return b"ready to accept connections" in place.log

        place.serve(server, ready, load)
        place.serve(server, ready, content)
        assert place.found[1][0] == place.found[3]
        place.run(*user, str(tools / "pg_checksums"), "--check", "-D", "data")

    unchanged(session)


GIT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b.invalid", "GIT_COMMITTER_NAME": "A",
       "GIT_COMMITTER_EMAIL": "a@b.invalid", "GIT_AUTHOR_DATE": "@1700000000 +0000", "GIT_COMMITTER_DATE": "@1700000000 +0000",
       "GIT_CONFIG_COUNT": "3", "GIT_CONFIG_KEY_0": "pack.threads", "GIT_CONFIG_VALUE_0": "1", "GIT_CONFIG_KEY_1": "safe.directory",
       "GIT_CONFIG_VALUE_1": "*", "GIT_CONFIG_KEY_2": "init.defaultBranch", "GIT_CONFIG_VALUE_2": "main"}


def test_git_with_its_daemon(unchanged):
    """What is committed, packed and cloned is the same, byte for byte."""
    def session(place):
        def git(*words):
            place.run("git", *words, extra=GIT)

        source = place.folder / "source"
        git("init", "source")
        for number in range(5):
            (source / f"file{number}").write_text("line\n" * 1000 * (number + 1))
            git("-C", "source", "add", ".")
            git("-C", "source", "commit", "-m", f"commit {number}")
        git("-C", "source", "gc", "--aggressive", "--prune=now")
        git("-C", "source", "fsck", "--full")
        git("clone", "--bare", f"file://{source}", "served.git")

        def over_the_daemon():
            git("clone", "-v", f"git://127.0.0.1:{place.port}/served.git", "clone")
            git("-C", "clone", "checkout", "-b", "other")
            (place.folder / "clone" / "new").write_text("new\n")
            git("-C", "clone", "add", "new")
            git("-C", "clone", "commit", "-m", "new")
            git("-C", "clone", "push", "origin", "other")
            place.logs(b"Disconnected", 2)

        place.serve(["git", "daemon", "--verbose", "--reuseaddr", "--listen=127.0.0.1", f"--port={place.port}", "--base-path=.",
                     "--export-all", "--enable=receive-pack"], lambda: b"Ready to rumble" in place.log, over_the_daemon)
        git("-C", "served.git", "log", "--all", "--format=%H %s")
        place.found.append({str(path.relative_to(place.folder)): path.read_bytes() for path in place.folder.rglob("*")
                            if path.is_file() and path.name not in ("index", "config", "log") and "logs" not in path.parts})

    unchanged(session)
