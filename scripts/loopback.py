"""A server under test and its requests, on loopback: what the scripts that inject faults share."""

import contextlib
import http.client
import json
import os
import pathlib
import pwd
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("CROSSAUTH", str(ROOT / "target/debug/crossauth"))
PASSWORD = "Correct-horse-7"


def check(condition, what):
    if not condition:
        sys.exit(f"scripts/{pathlib.Path(sys.argv[0]).name}: {what}")


def owner(name):
    """The user that a server runs as: this one of the system, if root starts it."""
    return name if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def wait_for(what, holds, seconds=30):
    end = time.time() + seconds
    while not holds():
        check(time.time() < end, f"timed out: {what}")
        time.sleep(seconds / 300)


@contextlib.contextmanager
def serve(directory, environment, *settings):
    """A server, which must stop in an orderly way. Yields it and its port."""
    port = free_port()
    command = [BINARY, "--listen", f"127.0.0.1:{port}"]
    for setting in settings:
        command += ["--set", setting]
    with (directory / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, cwd=directory, stdout=log, stderr=log)
    try:
        wait_for("the server listens", lambda: is_open(port) or server.poll() is not None)
        check(server.poll() is None, (directory / "server.log").read_text())
        yield server, port
    finally:
        server.terminate()
    check(server.wait(60) == 0, "the server does not stop")


def request(port, method, path, body=None, headers=None):
    """The status, the headers and the body of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def cookies(headers):
    return "; ".join(cookie.split(";")[0] for cookie in headers.get_all("set-cookie") or [])


def prepare(port):
    """The head of a request that changes something, by a new browser."""
    status, headers, token = request(port, "GET", "/api/getcsrftoken")
    check(status == 200, f"/api/getcsrftoken: {status}")
    return {"content-type": "application/json", "cookie": cookies(headers),
            "x-crossauth-csrf": json.loads(token)["csrfToken"]}
