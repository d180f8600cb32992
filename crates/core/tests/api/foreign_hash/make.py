"""Makes `vectors.json` with implementations that are independent of ours.

    python3 -m venv venv
    venv/bin/pip install passlib 'bcrypt<5' django argon2-cffi cryptography
    venv/bin/python make.py > vectors.json
"""

import base64
import hashlib
import json

import bcrypt
import django
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.conf import settings
from django.contrib.auth import hashers
from passlib.hash import bcrypt as passlib_bcrypt
from passlib.hash import scrypt as passlib_scrypt

PASSWORDS = [
    "correct horse battery staple",
    "pässwörd ✓ 🔑",
    " leading and trailing ",
    "a",
    "x" * 72,
]
LONG = "y" * 200

settings.configure(PASSWORD_HASHERS=[
    "django.contrib.auth.hashers." + name
    for name in (
        "PBKDF2PasswordHasher",
        "PBKDF2SHA1PasswordHasher",
        "Argon2PasswordHasher",
        "BCryptSHA256PasswordHasher",
        "BCryptPasswordHasher",
        "ScryptPasswordHasher",
    )
])
django.setup()

# The published example of Firebase's scrypt: the parameters, one user, and the result.
SIGNER_KEY = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
SALT_SEPARATOR = "Bw=="
PUBLISHED = (
    "42xEC+ixf3L2lw==",
    "user1password",
    "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
)


def firebase(password, salt, rounds=8, memory=14):
    salted = base64.b64decode(salt) + base64.b64decode(SALT_SEPARATOR)
    n = 1 << memory
    key = hashlib.scrypt(
        password.encode(), salt=salted, n=n, r=rounds, p=1, dklen=64, maxmem=1 << 28
    )
    encryptor = Cipher(algorithms.AES(key[:32]), modes.CTR(bytes(16))).encryptor()
    text = encryptor.update(base64.b64decode(SIGNER_KEY)) + encryptor.finalize()
    return base64.b64encode(text).decode()


def firebase_stored(password, salt, rounds=8, memory=14):
    hashed = firebase(password, salt, rounds, memory)
    return f"$fbscrypt$v=1,n={memory},r={rounds},p=1${salt}${hashed}"


assert firebase(PUBLISHED[1], PUBLISHED[0]) == PUBLISHED[2]


def vectors():
    for password in PASSWORDS:
        for ident in (b"2a", b"2b"):
            salt = bcrypt.gensalt(rounds=4, prefix=ident)
            yield "bcrypt", password, bcrypt.hashpw(password.encode(), salt).decode()
        yield "bcrypt", password, passlib_bcrypt.using(rounds=5, ident="2y").hash(password)
    for password in [*PASSWORDS, LONG]:
        yield "scrypt", password, passlib_scrypt.using(rounds=10).hash(password)
        yield "scrypt", password, passlib_scrypt.using(rounds=8, block_size=16, parallelism=3).hash(password)
        for algorithm in ("pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "scrypt"):
            hasher = hashers.get_hasher(algorithm)
            hasher.iterations = 1000
            hasher.rounds = 4
            hasher.memory_cost = 64
            hasher.work_factor = 1 << 10
            yield f"django {algorithm}", password, hasher.encode(password, hasher.salt())
        yield "firebase", password, firebase_stored(password, "c2FsdHNhbHQ=", memory=8)
    hasher = hashers.get_hasher("bcrypt")
    hasher.rounds = 4
    yield "django bcrypt", PASSWORDS[0], hasher.encode(PASSWORDS[0], hasher.salt())
    yield "firebase, published", PUBLISHED[1], firebase_stored(PUBLISHED[1], PUBLISHED[0])
    # With the parameters that the software uses by default.
    yield "bcrypt, default", PASSWORDS[0], bcrypt.hashpw(PASSWORDS[0].encode(), bcrypt.gensalt()).decode()
    yield "scrypt, default", PASSWORDS[0], passlib_scrypt.hash(PASSWORDS[0])
    for algorithm in ("pbkdf2_sha256", "argon2", "scrypt"):
        fresh = type(hashers.get_hasher(algorithm))()
        yield f"django {algorithm}, default", PASSWORDS[0], fresh.encode(PASSWORDS[0], fresh.salt())


print(json.dumps(
    {
        "firebase": {"signer_key": SIGNER_KEY, "salt_separator": SALT_SEPARATOR},
        "hashes": [
            {"made_by": made_by, "password": password, "hash": hashed}
            for made_by, password, hashed in vectors()
        ],
    },
    indent=1,
    ensure_ascii=False,
))
