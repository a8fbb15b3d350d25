"""A certificate authority of the tests' own and a server certificate for 127.0.0.1 and localhost."""

import subprocess

from .paths import OUT, locked


def authority():
    """PEM file of the authority."""
    make()
    return OUT / "tls" / "ca.pem"


def server():
    """PEM files (certificate, key) for a server on 127.0.0.1 or localhost."""
    make()
    return OUT / "tls" / "server.pem", OUT / "tls" / "server.key"


def make():
    folder = OUT / "tls"
    with locked("tls"):
        if (folder / "server.pem").exists():
            return
        folder.mkdir(parents=True, exist_ok=True)

        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

        new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl(*new, "-x509", "-days", "3650", "-subj", "/CN=otel-instrument tests", "-keyout", "ca.key", "-out", "ca.pem")
        openssl(*new, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n", encoding="utf-8")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "3650", "-extfile", "names", "-out", "server.new")
        (folder / "server.new").rename(folder / "server.pem")
