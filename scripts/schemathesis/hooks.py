"""Authenticates the requests of schemathesis as one role; loaded by run.py.

A session ends when a request logs out, or changes or deletes its account. Then the role gets another
account, so that the requests after it are authenticated too. It also gets another account, and
another address, after some requests: too many wrong codes and links are refused.

Three quarters of the requests get what schemathesis cannot guess: the right password, names that are free,
and ids of sessions, keys and accounts that exist.
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
NEW_PASSWORD = "Other-Horse-8"
HEADER = "X-CROSSAUTH-CSRF"
# How many requests an account sends.
REQUESTS = 50
# Names of fields with the present password.
PASSWORDS = ["password", "old_password"]

numbers = itertools.count()
client = None


class Client:
    """A session or an API key of a new account, or neither."""

    def __init__(self):
        number = next(numbers)
        self.name = f"{ROLE}{number}"
        self.address = f"10.{sum(ROLE.encode()) % 250}.{number // 250}.{number % 250 + 1}"
        self.requests = 0
        self.target = None
        self.http = self.session()
        self.key = None
        if ROLE != "anonymous":
            add_account(self.name)
            self.log_in(self.http, self.name)
        if ROLE == "factor":
            self.post("api/changefactor2", {"factor2": "dummyFactor2"})
            self.post("api/configurefactor2", {"otp": "123456"})
        if ROLE == "key":
            self.key = self.new_key(self.http)["token"]
        self.token = self.csrf_token(self.http)

    def session(self):
        session = requests.Session()
        session.headers["X-Forwarded-For"] = self.address
        return session

    def log_in(self, session, name):
        self.post("api/login", {"username": name, "password": PASSWORD}, session)

    def csrf_token(self, session):
        return session.get(f"{URL}/api/getcsrftoken").json()["csrfToken"]

    def new_key(self, session):
        """The response to a new API key, which has none where the second factor is asked for."""
        body = {"name": f"key {next(numbers)}", "scope": "profile"}
        return self.post("api/createapikey", body, session)

    def post(self, path, body, session=None):
        session = session or self.http
        headers = {HEADER: self.csrf_token(session)}
        response = session.post(f"{URL}/{path}", json=body, headers=headers)
        assert response.ok, (path, response.text)
        return response.json()

    def account_to_administer(self):
        """Ids of an account, of a session of it and of an API key of it."""
        if self.target is None:
            name = f"target{next(numbers)}"
            body = {
                "username": name, "user_email": f"{name}@example.com", "password": PASSWORD,
                "repeat_password": PASSWORD, "factor2": "none",
            }
            user = self.post("admin/api/createuser", body)["user"]
            session = self.session()
            self.log_in(session, name)
            key = self.new_key(session)["apiKey"]["id"]
            shown = self.http.get(f"{URL}/admin/api/user/{user['id']}").json()
            self.target = {"id": user["id"], "session": shown["sessions"][0]["id"], "key": key}
        return self.target

    def id_for(self, path):
        """What a parameter of the path can be; None if there is nothing."""
        if path.startswith("/admin/api/"):
            return self.account_to_administer()["id"] if ROLE == "admin" else None
        if path == "/api/endsession/{id}" and ROLE in ("user", "admin"):
            self.log_in(self.session(), self.name)
            listed = self.http.get(f"{URL}/api/sessions").json().get("sessions", [])
            return next((it["id"] for it in listed if not it["current"]), None)
        if path == "/api/deleteapikey/{id}" and ROLE in ("user", "admin"):
            return self.new_key(self.http)["apiKey"]["id"]
        return None

    def complete(self, case):
        """Replaces what must exist, or must be right."""
        found = self.id_for(case.path) if case.path_parameters else None
        if found is not None:
            case.path_parameters = {**case.path_parameters, "id": str(found)}
        if not isinstance(case.body, dict):
            return
        known = {name: PASSWORD for name in PASSWORDS} | {"username": self.name}
        known |= {name: NEW_PASSWORD for name in ["new_password", "repeat_password"]}
        case.body |= {name: value for name, value in known.items() if name in case.body}
        if case.path == "/api/signup":
            case.body |= new_account()
        elif case.path == "/admin/api/createuser":
            case.body |= new_account() | {"password": PASSWORD, "user_admin": "false"}
        elif case.path == "/admin/api/updateuser/{id}":
            case.body = {"username": f"renamed{ROLE}{next(numbers)}"}
        elif case.path.endswith(("/forgetdevice", "/forgetdevice/{id}")):
            case.body = {"all": True}
        elif case.path == "/admin/api/createapikey/{id}":
            case.body = {"name": f"key {next(numbers)}"}
        elif found is not None and self.target:
            case.body |= {name: self.target[name] for name in ["session", "key"] if name in case.body}


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
        case.headers = {**(case.headers or {}), "X-Forwarded-For": data.address}
        if data.key:
            # A key alone needs no token.
            case.headers["Authorization"] = f"ApiKey {data.key}"
        else:
            case.headers[HEADER] = data.token
            case.cookies = {**(case.cookies or {}), **data.http.cookies.get_dict()}
        if zlib.crc32(repr((case.path_parameters, case.body)).encode()) % 4:
            data.complete(case)


@schemathesis.hook
def after_call(context, case, response):
    global client
    if any(cookie.startswith("SESSIONID") for cookie in response.headers.get("set-cookie", [])):
        client = None
    elif client is not None and response.status_code == 200 and case.path.startswith("/admin/api/"):
        # The account may have been deleted.
        client.target = None
