"""The real servers, each on a free port in a folder of its own, for the time of a `with` block.

They start as root or not, are ready when the block is entered, and are ended by process id.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from .http_server import HttpServer
from .paths import OUT, locked
from .waiting import wait_until

__all__ = ["HttpServer", "MariaDB", "Nginx", "Redis", "free_port"]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def free_port():
    """A TCP port nobody listens on, below the range from which the kernel takes ports for outgoing connections, so that
    nothing else gets it before the server does."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def program(name):
    path = shutil.which(name, path=SYSTEM_PATH)
    assert path, f"{name} is not installed: ./bootstrap check installs what the tests need"
    return path


class Server:
    """A server process in a temporary folder. Subclasses say the command and when it is ready."""

    folder = None
    process = None
    port = 0

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="oi-"))
        self.folder.chmod(0o755)
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """Again after stop(): on the same port, with the same data."""
        for attempt in range(3):
            if not self.port or attempt:
                self.port = free_port()
            self.prepare()
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"}, cwd=self.folder)
            wait_until(lambda: self.process.poll() is not None or self.ready(), 60, f"{type(self).__name__} being ready")
            if self.process.poll() is None:
                return
        raise AssertionError(f"{type(self).__name__} does not start:\n" + (self.folder / "log").read_text("utf-8", "replace"))

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return (self.folder / "log").read_text("utf-8", "replace")

    def prepare(self):
        pass

    def command(self):
        raise NotImplementedError

    def ready(self):
        return answers(("127.0.0.1", self.port))


def answers(address, question=b"", expect=1):
    """True if somebody listens at `address` and, asked, says at least `expect` bytes."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(5)
        try:
            probe.connect(address)
            if question:
                probe.sendall(question)
            return len(probe.recv(64)) >= expect
        except OSError:
            return False


class MariaDB(Server):
    """Users: `app` with password `secret`, `guest` without one, `root` without one; database `shop`."""

    user = "app"
    password = "secret"
    database = "shop"

    ACCOUNTS = """
    CREATE DATABASE IF NOT EXISTS shop;
    CREATE USER IF NOT EXISTS app@'%' IDENTIFIED BY 'secret';
    CREATE USER IF NOT EXISTS guest@'%';
    GRANT ALL ON *.* TO app@'%';
    GRANT ALL ON *.* TO guest@'%';
    """

    # A server for tests: small, no disk syncs, no name look-ups.
    OPTIONS = [
        "--skip-name-resolve", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=8M",
        "--innodb-buffer-pool-size=16M", "--innodb-data-file-path=ibdata1:12M:autoextend", "--aria-pagecache-buffer-size=1M",
        "--key-buffer-size=1M", "--performance-schema=OFF", "--innodb-fast-shutdown=3", "--max-connections=256",
        "--character-set-server=utf8mb4",
    ]

    @property
    def socket(self):
        return str(self.folder / "mysql.sock")

    def prepare(self):
        data = self.folder / "data"
        if not data.exists():
            subprocess.run(["cp", "-a", self.template(), data], check=True)
        (self.folder / "accounts.sql").write_text(
            "\n".join(line.strip() for line in self.ACCOUNTS.strip().splitlines()) + "\n", encoding="utf-8")

    def template(self):
        """An empty data folder, made once: that takes seconds, copying it does not."""
        folder = OUT / "mariadb"
        with locked("mariadb"):
            if not folder.exists():
                fresh = OUT / "mariadb.new"
                shutil.rmtree(fresh, ignore_errors=True)
                made = subprocess.run(
                    [program("mariadb-install-db"), "--no-defaults", "--force", f"--datadir={fresh}", "--skip-test-db",
                     "--auth-root-authentication-method=normal", *self.as_user(), *self.OPTIONS],
                    capture_output=True, text=True, check=False, env={"PATH": SYSTEM_PATH})
                assert made.returncode == 0, made.stdout + made.stderr
                fresh.rename(folder)
        return folder

    @staticmethod
    def as_user():
        return ["--user=root"] if os.geteuid() == 0 else []

    def command(self):
        return [program("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.socket}",
                f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.folder / 'pid'}",
                f"--init-file={self.folder / 'accounts.sql'}", *self.as_user(), *self.OPTIONS]

    def ready(self):
        return answers(("127.0.0.1", self.port)) and answers(self.socket)

    def close(self):
        self.kill()  # its data is thrown away
        super().close()

    def sql(self, text, database="shop"):
        """Runs statements with the server's own client; returns its output, columns divided by tabs."""
        ran = subprocess.run([program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=guest", "--batch",
                              "--skip-column-names", "--execute", text, *([database] if database else [])],
                             capture_output=True, text=True, check=False, env={"PATH": SYSTEM_PATH})
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def reset(self):
        """An empty database `shop`."""
        self.sql("DROP DATABASE IF EXISTS shop; CREATE DATABASE shop", database=None)


class Redis(Server):
    """On a port and on a unix socket; with `password` it asks for one."""

    def __init__(self, password=None):
        self.password = password

    @property
    def socket(self):
        return str(self.folder / "redis.sock")

    def command(self):
        secret = ["--requirepass", self.password] if self.password else []
        return [program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.socket,
                "--unixsocketperm", "777", "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir",
                str(self.folder), *secret]

    def ready(self):
        return answers(("127.0.0.1", self.port), b"PING\r\n") and answers(self.socket, b"PING\r\n")

    def cli(self, *words):
        """Runs one command with redis-cli; returns its output."""
        secret = ["-a", self.password, "--no-auth-warning"] if self.password else []
        ran = subprocess.run([program("redis-cli"), "-s", self.socket, *secret, *map(str, words)], capture_output=True,
                             text=True, check=False, env={"PATH": SYSTEM_PATH})
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def reset(self):
        self.cli("FLUSHALL")


class Nginx(Server):
    """A real web server with the given lines inside its `server` block."""

    def __init__(self, server_lines="location / { return 200 'hello\\n'; }", http_lines="", workers=1):
        self.server_lines = server_lines
        self.http_lines = http_lines
        self.workers = workers

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def prepare(self):
        (self.folder / "tmp").mkdir(exist_ok=True)
        paths = "\n".join(f"{name}_temp_path tmp;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(f"""
            {"user root;" if os.geteuid() == 0 else ""}
            daemon off; worker_processes {self.workers}; pid {self.folder}/pid; error_log {self.folder}/error.log;
            events {{ worker_connections 256; }}
            http {{
                access_log {self.folder}/access.log;
                {paths}
                {self.http_lines}
                server {{ listen 127.0.0.1:{self.port}; {self.server_lines} }}
            }}
            """, encoding="utf-8")

    def command(self):
        return [program("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"),
                "-e", str(self.folder / "error.log")]

    def ready(self):
        return answers(("127.0.0.1", self.port), b"GET /ready-check HTTP/1.0\r\n\r\n")
