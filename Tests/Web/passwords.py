"""Users and their passwords. The hashes were made by PyPI's bcrypt 5.0, not by the library that the
exporter asks."""

import base64

PASSWORDS = {
    "alice": "correct horse",
    "bob": "päss wörd €",
    "carol": "a:b:c",
    "dave": "",
    "erin": "x" * 72,
    "ümlaut": "correct horse",
    "cost4": "correct horse",
    "cost8": "correct horse",
    "cost11": "correct horse",
}
HASHES = {
    "alice": "$2y$10$crx4EInHWo65jZt03LgY5u1m0yMBDsWKAdQIliDNs7DP7isb52nIi",
    "bob": "$2b$05$fDVmk2Rq86gocqphSiXGLOCOjDZ/YwAzNrLsWkm9Sx7q92NK0Tf6S",
    "carol": "$2a$05$mrURK1RHnOq01x1z4CN.F.nUoceiUE5QQil1OSgaabrr1rsdsoWde",
    "dave": "$2b$05$wB5YS6IKYWb.nrFnYbSlqez.HI6FVW7zOtYotA1SIoI4hQPSczGGu",
    "erin": "$2b$05$8RBikFI2RI4mvzn02c31Z.LhLVmvqyUzgKFRngsDsF042GHNL/nOm",
    "ümlaut": "$2b$05$QBa/HqOgD/XbTgX7TAs2v.HM2mgghJ11qNyp11XMc5l5lKbVgxtBy",
    "cost4": "$2b$04$uvge3Yb0tsV8op8z39gbMuqGytBI8YI76uwvj7WIZltQp3EJKakgO",
    "cost8": "$2b$08$9StWfa.6Ihju71kz6/JBwef4vxhxZFJ8w1yIPGY2KbVVECqohkoOK",
    "cost11": "$2b$11$Mm/wdpk925Xiy79mztFc4.Ripb94FLQeVOBVrIavcQ3Y3vy/JdNBC",
}


def section(*users):
    """The basic_auth_users of a web configuration file."""
    return "basic_auth_users:\n" + "".join(f"  {user}: {HASHES[user]}\n" for user in users)


def header(user, password):
    """What a client sends who says that it is this user."""
    return raw_header(f"{user}:{password}".encode())


def raw_header(credentials):
    return {"Authorization": "Basic " + base64.b64encode(credentials).decode()}


def right(user):
    return header(user, PASSWORDS[user])
