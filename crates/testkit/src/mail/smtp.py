"""A mail server for tests: prints its port, then each e-mail that it accepts as a line of JSON."""

import argparse
import asyncio
import json
import os
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, behaviour):
        self.behaviour = behaviour

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.behaviour == "busy":
            return "451 4.3.0 busy, try again later"
        if self.behaviour == "refuse":
            return f"550 5.1.1 <{address}>: no such user"
        if self.behaviour == "slow":
            await asyncio.sleep(1)
        if self.behaviour == "silent":
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        received = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.content.decode("utf-8"),
            "encrypted": session.ssl is not None,
            "account": session.auth_data,
        }
        print(json.dumps(received), flush=True)
        return "250 OK"


def authenticator(account):
    def check(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        if given == account:
            return AuthResult(success=True, auth_data=data.login.decode())
        # Repeats the secret, as careless servers do.
        server._loop.create_task(server.push(f"535 5.7.8 wrong: {given}"))
        return AuthResult(success=False, handled=True)

    return check


async def serve(options):
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    implicit = options.tls == "implicit"
    smtp_options = {"hostname": "mail.test"}
    if options.tls == "starttls":
        smtp_options.update(tls_context=context, require_starttls=True)
    if options.account:
        smtp_options.update(
            authenticator=authenticator(options.account),
            auth_required=True,
            auth_require_tls=options.tls == "starttls",
        )
    handler = Handler(options.behaviour)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, **smtp_options),
        "127.0.0.1",
        options.port,
        ssl=context if implicit else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.5)


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
parser.add_argument("--certificate")
parser.add_argument("--key")
parser.add_argument("--account")
parser.add_argument("--behaviour", choices=["accept", "busy", "refuse", "slow", "silent"], default="accept")
asyncio.run(serve(parser.parse_args()))
