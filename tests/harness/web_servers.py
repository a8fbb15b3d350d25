"""Web servers and proxies that nobody here wrote: each function writes a configuration into `folder` and returns the command that
runs it in the foreground, on `port`."""

import os

USER = "user root;" if os.geteuid() == 0 else ""


def configured(folder, name, text, command):
    path = folder / f"{name}.conf"
    path.write_text(text.strip() + "\n", encoding="utf-8")
    return [*command, str(path)]


def nginx(folder, http, workers=2):
    """`http`: what stands in the block of that name, ports too."""
    (folder / "t").mkdir(exist_ok=True)
    paths = " ".join(f"{name}_temp_path t;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return configured(folder, "nginx", f"""
        {USER} daemon off; worker_processes {workers}; pid nginx.pid; error_log stderr;
        events {{ worker_connections 512; }}
        http {{ access_log off; {paths} {http} }}
        """, ["/usr/sbin/nginx", "-p", str(folder), "-e", "stderr", "-c"])


def lighttpd(folder, port, lines="", root=None):
    """Serves the files of `root` (or the folder)."""
    return configured(folder, "lighttpd", f"""
        server.document-root = "{root or folder}"
        server.port = {port}
        server.bind = "127.0.0.1"
        {lines}
        """, ["/usr/sbin/lighttpd", "-D", "-f"])


def haproxy(folder, port, lines):
    """`lines` of the frontend, and further sections."""
    return configured(folder, "haproxy", f"""
        defaults
          mode http
          timeout connect 5s
          timeout client 5s
          timeout server 5s
        frontend f
          bind 127.0.0.1:{port}
          {lines}
        """, ["/usr/sbin/haproxy", "-db", "-f"])


def apache(folder, port, lines, mpm="event", modules=()):
    loaded = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in (f"mpm_{mpm}", "authz_core", *modules))
    return configured(folder, "apache", f"""
        ServerRoot {folder}
        DefaultRuntimeDir {folder}
        PidFile pid
        ErrorLog error.log
        Listen 127.0.0.1:{port}
        ServerName localhost
        {loaded}
        {lines}
        """, ["/usr/sbin/apache2", "-DFOREGROUND", "-f"])
