"""Tests the JSON endpoints of a server against their OpenAPI document, with each authentication.

Usage: run.py SERVER SEED, where SERVER is the binary. Runs in an environment with schemathesis; see
the step `api` of scripts/test. Starts the server in a temporary directory, and stops it. Exits with 1 if
schemathesis finds a server error, an undocumented status, or a response unlike its schema.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.request

# Who sends the requests; see hooks.py.
ROLES = ["anonymous", "user", "factor", "key", "admin"]
# Seconds for each role; several run at once.
TIME = 20
AT_ONCE = 2

SETTINGS = {
    "DEV": "true",
    "ADMIN_ENDPOINTS": "true",
    # Each account has an address of its own, so that limits of an address do not hide the rest.
    "LIMITS_TRUSTED_PROXIES": "127.0.0.1",
    "FACTOR2_ALLOWED": "none,totp,email,dummyFactor2",
    "FACTOR2_DANGER_DUMMY_CODE": "123456",
    "API_KEYS_ENABLED": "true",
    "EDIT_USER_SCOPE": "profile",
    "PASSWORD_ARGON2_MEMORY": "8KiB",
    "PASSWORD_ARGON2_ITERATIONS": "1",
    "LOG_FORMAT": "json",
    "LOG_ACCESS": "true",
}

# Not `ignored_auth`, which knows one credential and not a cookie with its token; the tests of every
# endpoint do that. Not what says whether a request must fail: fields have rules that a schema cannot
# express, unknown members are ignored, and a form may be empty.
EXCLUDED = "ignored_auth,negative_data_rejection,positive_data_acceptance"


def main():
    server = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        environment = {"PATH": os.environ["PATH"]}
        environment |= {f"CROSSAUTH_{name}": value for name, value in SETTINGS.items()}
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                [server, "serve", "--listen", "127.0.0.1:0"],
                cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=log,
            )
        try:
            url = wait_for_start(process, directory / "log")
            with urllib.request.urlopen(f"{url}/api/openapi.json") as response:
                document = json.load(response)
            failed = run_roles(url, server, directory, environment)
        finally:
            process.terminate()
            process.wait(30)
        failed += report(directory / "log", document)
    sys.exit(1 if failed else 0)


def wait_for_start(process, log):
    """The URL of the server, which it prints."""
    line = process.stdout.readline().decode()
    if "http://" not in line:
        sys.exit(f"the server does not start: {line}{log.read_text()}")
    return "http://" + line.split("http://")[1].strip()


def run_roles(url, server, directory, environment):
    """The roles for which schemathesis finds something."""
    failed, gate = [], threading.Semaphore(AT_ONCE)

    def run(role):
        with gate:
            result = run_role(url, server, directory, environment, role)
        print(f"-- {role}: {'failed' if result.returncode else 'passed'}", flush=True)
        last = result.stdout if result.returncode else summary(result.stdout)
        print(last, flush=True)
        if result.returncode:
            failed.append(role)

    threads = [threading.Thread(target=run, args=[role]) for role in ROLES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def run_role(url, server, directory, environment, role):
    home = directory / role
    home.mkdir()
    return subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json",
            "--url", url, "--checks", "all", "--exclude-checks", EXCLUDED,
            "--phases", "examples,coverage,fuzzing", "--max-time", str(TIME),
            "--continue-on-failure", "--no-color", "--warnings", "off",
            "--generation-with-security-parameters", "false", "--generation-database", "none",
            "--seed", sys.argv[2],
        ],
        cwd=home, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        env=os.environ | {
            "SCHEMATHESIS_HOOKS": "hooks",
            "PYTHONPATH": str(pathlib.Path(__file__).parent),
            "CROSSAUTH_ROLE": role,
            "CROSSAUTH_URL": url,
            "CROSSAUTH_SERVER": str(server),
            "CROSSAUTH_DIRECTORY": str(directory),
            "CROSSAUTH_ENVIRONMENT": "\n".join(f"{k}={v}" for k, v in environment.items()),
        },
    )


def summary(output):
    """The lines at the end that count the test cases."""
    lines = output.splitlines()
    start = next((i for i, line in enumerate(lines) if "SUMMARY" in line), 0)
    return "\n".join(line for line in lines[start + 1:-1] if line.strip())


def report(log, document):
    """Prints what the requests reached; returns what the server logged as an error."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    statuses = collections.Counter(line.get("status") for line in lines)
    statuses = sorted((status, count) for status, count in statuses.items() if status)
    print("-- responses by status:", ", ".join(f"{status}: {count}" for status, count in statuses))
    requests = collections.defaultdict(collections.Counter)
    for line in lines:
        if line.get("status"):
            requests[line["method"], line["path"]][line["status"]] += 1
    rest = {name: responses(name, requests) for name in operations(document)}
    rest = [f"{' '.join(name)} {dict(found)}" for name, found in rest.items() if 200 not in found]
    print("-- never successful:", ", ".join(rest) or "none")
    errors = [line for line in lines if line["level"] == "ERROR"]
    for line in errors[:10]:
        print(line)
    return errors


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "200" in operation["responses"]:
                yield method.upper(), path


def responses(operation, requests):
    """How often each status was the response of an endpoint."""
    found = collections.Counter()
    for request, statuses in requests.items():
        if matches(operation, request):
            found += statuses
    return found


def matches(operation, request):
    start = operation[1].split("{")[0]
    same = request[1].startswith(start) if "{" in operation[1] else request[1] == start
    return same and operation[0] == request[0]


main()
