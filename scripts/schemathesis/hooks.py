"""Authenticates the requests of schemathesis as one role; loaded by run.py.

A session ends when a request logs out, or changes or deletes its account. Then the role gets another
account, so that the requests after it are authenticated too. It also gets another account, and
another address, after some requests: too many wrong codes and links are refused.
"""

import itertools
import os
import subprocess
import zlib

import requests
import schemathesis

ROLE = os.environ["CROSSAUTH_ROLE"]
URL = os.environ["CROSSAUTH_URL"]
PASSWORD = "Correct-Horse-7"
HEADER = "X-CROSSAUTH-CSRF"
# How many requests an account sends.
REQUESTS = 50
# Names of fields with a password, which are right in about half of the requests.
PASSWORDS = ["password", "old_password"]

numbers = itertools.count()
client = None


class Client:
    """A session of a new account, or none, with its CSRF token."""

    def __init__(self):
        number = next(numbers)
        self.name = f"{ROLE}{number}"
        self.address = f"10.{sum(ROLE.encode()) % 250}.{number // 250}.{number % 250 + 1}"
        self.requests = 0
        self.http = requests.Session()
        self.http.headers["X-Forwarded-For"] = self.address
        if ROLE != "anonymous":
            add_account(self.name)
            self.post("login", {"username": self.name, "password": PASSWORD})
        if ROLE == "factor":
            self.post("changefactor2", {"factor2": "dummyFactor2"})
            self.post("configurefactor2", {"otp": "123456"})
        self.token = self.csrf_token()

    def csrf_token(self):
        return self.http.get(f"{URL}/api/getcsrftoken").json()["csrfToken"]

    def post(self, path, body):
        headers = {HEADER: self.csrf_token()}
        response = self.http.post(f"{URL}/api/{path}", json=body, headers=headers)
        assert response.ok, (path, response.text)


def add_account(name):
    environment = dict(line.split("=", 1) for line in os.environ["CROSSAUTH_ENVIRONMENT"].split("\n"))
    administrator = ["--admin"] if ROLE == "admin" else []
    subprocess.run(
        [os.environ["CROSSAUTH_SERVER"], "user", "add", name, "--email", f"{name}@example.com",
         "--password-stdin", *administrator],
        cwd=os.environ["CROSSAUTH_DIRECTORY"], env=environment, input=PASSWORD.encode(), check=True,
        capture_output=True,
    )


def new_account():
    name = f"new{ROLE}{next(numbers)}"
    return {
        "username": name, "user_email": f"{name}@example.com", "repeat_password": PASSWORD,
        "factor1": None, "factor2": "none",
    }


@schemathesis.auth(refresh_interval=None)
class Authentication:
    def get(self, case, context):
        global client
        if client is None or client.requests == REQUESTS:
            client = Client()
        client.requests += 1
        return client

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), HEADER: data.token, "X-Forwarded-For": data.address}
        case.cookies = {**(case.cookies or {}), **data.http.cookies.get_dict()}
        if isinstance(case.body, dict) and zlib.crc32(repr(case.body).encode()) % 2:
            for name in PASSWORDS:
                if name in case.body:
                    case.body[name] = PASSWORD
            if "username" in case.body:
                case.body["username"] = data.name
            if case.path == "/api/signup":
                case.body |= new_account()


@schemathesis.hook
def after_call(context, case, response):
    global client
    if any(cookie.startswith("SESSIONID") for cookie in response.headers.get("set-cookie", [])):
        client = None
