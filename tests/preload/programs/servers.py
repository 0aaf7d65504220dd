"""Servers on loopback only, with the clients that load them."""

import hashlib
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import processes
from programs.registry import program
from session import Failure, Session, accepts, free_port

FILL = """
for i = 1, 20000 do
  redis.call('set', 'string:' .. i, string.rep('v' .. i, i % 60))
  redis.call('hset', 'hash:' .. i % 200, 'field' .. i, i * 31)
  redis.call('zadd', 'sorted:' .. i % 50, i * 7 % 1009, 'member' .. i)
  redis.call('sadd', 'set:' .. i % 70, i % 900)
  redis.call('rpush', 'list:' .. i % 40, string.rep('e', i % 90))
  if i % 10 == 0 then redis.call('xadd', 'stream', i .. '-1', 'n', i) end
  if i % 3 == 0 then redis.call('append', 'string:' .. i, string.rep('+', i % 400)) end
  if i % 4 == 0 then redis.call('del', 'string:' .. i - 1) end
end
redis.call('setrange', 'large', 3000000, 'end')
return redis.call('dbsize')
"""


class Redis:
    """redis-server on a socket in the session's directory, and redis-cli to talk to it."""

    def __init__(self, session: Session):
        self.session = session
        # Relative: the name of a socket may have 107 bytes at most.
        self.socket = os.path.relpath(session.dir / "redis.sock")
        self.server = session.start_server(
            ["redis-server", "--port", 0, "--unixsocket", session.dir / "redis.sock", "--dir",
             session.dir, "--appendonly", "yes", "--auto-aof-rewrite-percentage", 0, "--save", "",
             "--enable-debug-command", "local", "--io-threads", 2, "--always-show-logo", "no"],
            lambda: accepts(self.socket))

    def ask(self, label: str | None, *words, stdin: bytes | None = None) -> str:
        answer = self.session.run(
            ["redis-cli", "-e", "-s", self.session.dir / "redis.sock", *words],
            label or "unobserved", stdin=stdin, compare=label is not None)
        return answer.decode(errors="replace")

    def wait_until(self, *lines: str) -> str:
        """Waits until INFO has all the lines, and returns it."""
        while not all(line in (said := self.ask(None, "info", "persistence")) for line in lines):
            if self.session.time_left() <= 1:
                raise Failure(f"redis never said {lines}")
            time.sleep(0.05)
        return said

    def stop(self, label: str) -> None:
        self.session.stop_server(self.server, signal.SIGTERM, label)


@program("redis", loads=["redis-check-rdb", "redis-cli", "redis-benchmark"],
         needs=["/usr/bin/redis-server", "/usr/bin/redis-benchmark"])
def redis(session: Session) -> None:
    """Benchmarks it, fills it, forks to save it, restarts it; the data must be the same."""
    first = Redis(session)
    session.run(["redis-benchmark", "-s", session.dir / "redis.sock", "-n", 40000, "-c", 40,
                 "-P", 8, "-r", 5000, "-d", 200, "--csv", "-t",
                 "set,get,incr,lpush,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset"],
                "benchmark", compare=False)
    first.ask("flush", "flushall")
    first.ask("fill", "eval", FILL, 0)
    lines = "".join(f"SET mass:{i} {i * 37 % 1009}\r\n" for i in range(50000))
    first.ask("mass insertion", "--pipe", stdin=lines.encode())
    first.ask("answers", stdin=b"hgetall hash:7\nzrange sorted:3 0 -1 withscores\nsort set:5\n"
              b"lrange list:1 0 -1\nxrange stream - + count 100\nmget mass:1 mass:49999 string:8\n"
              b"strlen large\nzunionstore u 2 sorted:1 sorted:2\nsdiff set:1 set:2\n")
    digest = first.ask("digest", "debug", "digest")
    first.ask("save", "save")
    first.ask("rewrite the log in a child", "bgrewriteaof")
    said = first.wait_until("aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0")
    if "aof_last_bgrewrite_status:ok" not in said:
        raise Failure(f"the child that rewrites the log failed\n{said}")
    first.stop("first server")
    session.run(["redis-check-rdb", session.dir / "dump.rdb"], "check of the dump",
                normalise=lambda text: re.sub(rb"(ctime|used-mem) = '\d+'", rb"\1", text))
    second = Redis(session)
    second.wait_until("loading:0")
    if second.ask("digest after a restart", "debug", "digest") != digest:
        raise Failure("the data changed over a restart")
    second.stop("second server")


NGINX = """
daemon off; worker_processes 2; pid nginx.pid; error_log stderr warn; {user}
events {{ worker_connections 256; }}
http {{
  types {{ text/html html; text/plain txt; }}
  access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
  uwsgi_temp_path t4; scgi_temp_path t5; server_tokens off; etag off;
  gzip on; gzip_min_length 100; gzip_types text/plain; ssi on;
  server {{
    listen 127.0.0.1:{port};
    root files;
    add_header Last-Modified "";
    location /list/ {{ alias files/; autoindex on; autoindex_exact_size on; }}
    location /again/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_buffers 4 4k; }}
    location ~ ^/say/(?<word>[a-z]+)$ {{ return 200 "said $word, $request_method\\n"; }}
  }}
}}
"""


def fetch(session: Session, port: int, path: str, headers: dict[str, str]) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=session.time_left()) as answer:
            status, kind, body = answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        status, kind, body = error.code, error.headers["Content-Type"], error.read()
    session.observe(f"GET {path} {headers}",
                    f"{status} {kind} {len(body)} {hashlib.sha256(body).hexdigest()}")


def make_site(directory: Path) -> None:
    directory.mkdir()
    (directory / "small.html").write_text("<p>small</p>\n")
    (directory / "large.txt").write_text("".join(f"line {i}\n" for i in range(60000)))
    (directory / "parts.html").write_text(
        "<p>" + '<!--#include virtual="/small.html" -->' * 40 + '<!--#echo var="uri" --></p>')
    for file in directory.iterdir():
        os.utime(file, (1700000000, 1700000000))


def load(session: Session, port: int, path: str, *options: str) -> None:
    said = session.run(["wrk", "-t2", "-c24", "-d2s", "--timeout", "30s", *options,
                        f"http://127.0.0.1:{port}{path}"], f"wrk {path}", compare=False).decode()
    requests = re.search(r"(\d+) requests in", said)
    if "Socket errors" in said or "Non-2xx" in said or not requests or int(requests[1]) < 100:
        raise Failure(f"wrk {path}: requests failed\n{said}")


def take_over(session: Session, server: subprocess.Popen) -> None:
    """Makes nginx read its configuration again: new workers start, the old ones end."""
    old = processes.descendants(server.pid)
    server.send_signal(signal.SIGHUP)
    while True:
        now = processes.descendants(server.pid)
        if now and not now & old:
            return
        if session.time_left() <= 1:
            raise Failure("nginx: the old workers did not end on SIGHUP")
        time.sleep(0.05)


@program("nginx", loads=["nginx", "wrk"], needs=["/usr/sbin/nginx", "/usr/bin/wrk"])
def nginx(session: Session) -> None:
    """Serves files, includes, lists and itself to wrk; no request may fail, no byte differ."""
    port = free_port()
    make_site(session.dir / "files")
    user = "user root;" if os.getuid() == 0 else ""
    (session.dir / "nginx.conf").write_text(NGINX.format(port=port, user=user))
    server = session.start_server(
        ["nginx", "-p", session.dir, "-e", "stderr", "-c", "nginx.conf"],
        lambda: accepts(("127.0.0.1", port)))
    paths = ["/small.html", "/large.txt", "/parts.html", "/list/", "/missing", "/say/hello",
             "/again/large.txt", "/again/parts.html", "/again/say/hello"]
    for path in paths:
        for headers in ({}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=5-4000"}):
            fetch(session, port, path, headers)
    for path in ("/small.html", "/large.txt", "/parts.html", "/again/parts.html"):
        load(session, port, path, "-H", "Accept-Encoding: gzip")
    take_over(session, server)
    load(session, port, "/say/hello")
    fetch(session, port, "/large.txt", {"Accept": "text/plain"})
    session.stop_server(server, signal.SIGQUIT, "nginx")
    log = b"".join(file.read_bytes() for file in session.logs.iterdir())
    if died := re.search(rb".*exited on signal.*", log):  # the master has started another worker
        raise Failure(died[0].decode(errors="replace"))
