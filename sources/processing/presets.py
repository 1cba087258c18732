"""Secrets and personal data that masks know by name.

Each preset is a few parts: RE2 expressions whose matches are `before`, the secret
itself (`value`) and `after`, written as RE2 writes groups in a replacement. `check`
is asked about what looks like a secret and returns where in it secrets stand.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Part:
    """One way in which a secret is written.

    A text without any of `hints` has none, which is soon found out; no hints: any
    text may have one.
    """

    pattern: str
    before: str = ""
    value: str = r"\0"
    after: str = ""
    hints: tuple[str, ...] = ()
    check: Callable[[str], Spans] | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    title: str
    parts: tuple[Part, ...]
    # A field of such a name holds nothing but a secret.
    names: re.Pattern[str] | None = None


# --- Checks ----------------------------------------------------------------------------


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 - two digits
    return total % 10 == 0


# What issuers' numbers begin with, and how long they are (ISO/IEC 7812 registry).
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}(?:\d{2,5})?"  # Diners Club
    r"|(?:6011|65\d{2}|64[4-9]\d)\d{12}(?:\d{3})?"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}(?:\d{3})?"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5[06-8]|6\d)\d{11,17}"  # Maestro
)
_LONGEST_CARD = 19


def cards(text: str) -> Spans:
    """Numbers in a run of digits that may have a space or dash between any two."""
    digits = [i for i, c in enumerate(text) if c.isdigit()]
    starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(digits)) if b > a + 1)]
    ends = [*starts[1:], len(digits)]
    spans: Spans = []
    done = 0
    for start in starts:
        if start < done:
            continue
        for end in reversed(ends):
            number = "".join(text[i] for i in digits[start:end][: _LONGEST_CARD + 1])
            if _ISSUERS.fullmatch(number) and luhn(number):
                spans.append((digits[start], digits[end - 1] + 1))
                done = end
                break
    return spans


# Lengths of the countries' numbers (SWIFT, IBAN registry).
_IBAN_LENGTHS: Mapping[str, int] = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def ibans(text: str) -> Spans:
    """An IBAN at the beginning of the text; words may stand behind it."""
    places = [i for i, c in enumerate(text) if c != " "]
    length = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    if not length or len(places) < length:
        return []
    code = "".join(text[i] for i in places[:length]).upper()
    moved = code[4:] + code[:4]
    number = int("".join(str(int(c, 36)) for c in moved))
    return [(0, places[length - 1] + 1)] if number % 97 == 1 else []


def ipv6(text: str) -> Spans:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return []
    return [(0, len(text))]


# --- The presets -----------------------------------------------------------------------

_BYTE = r"(?:25[0-5]|2[0-4]\d|[01]?\d?\d)"
_IPV4 = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_KEYS = (
    r"(?:password|passwort|passwd|passphrase|pwd|secret|token|credentials?"
    r"|api[ _.-]?key|access[ _.-]?key(?:[ _.-]?id)?|private[ _.-]?key|secret[ _.-]?key"
    r"|account[ _.-]?key|encryption[ _.-]?key|signing[ _.-]?key|client[ _.-]?secret"
    r"|session[ _.-]?id|sessid|auth[ _.-]?key|authorization)"
)
# As key=value, key: value, "key":"value", also within escaped quotes. A quoted value
# ends with its quote, an open one with a space or what ends a parameter.
_PAIR = (
    rf"(?i)({_KEYS}(?:\\*[\"'])?\s*(?:=>|:=|=|:)\s*"
    r"(?:(?:bearer|basic|digest|negotiate|token|apikey)\s+)?)"
    r"(?:(\\+\")(.*?)(\\+\")|(\")((?:[^\"\\]|\\.)*)(\")?|'([^']*)'?"
    r"|([^\s,;&\"'})\]\\][^\s,;&\"'}\\]*))"
)
_SCHEMES = r"(?i)\b((?:bearer|basic|digest|negotiate|apikey|splunk|genie[kK]ey)\s+)"

PRESETS: Mapping[str, Preset] = {
    "email": Preset(
        "E-mail addresses",
        (
            Part(
                r"[\pL\pN._%+'-]+(?:@|%40)[\pL\pN](?:[\pL\pN-]*[\pL\pN])?"
                r"(?:\.[\pL\pN](?:[\pL\pN-]*[\pL\pN])?)+",
                hints=("@", "%40"),
            ),
        ),
    ),
    "ip": Preset(
        "IPv4 and IPv6 addresses",
        (
            Part(
                r"(^|[^0-9A-Za-z:])((?:[0-9A-Fa-f]{1,4}:|:(?:(?::[0-9A-Fa-f]{1,4})|:))"
                rf"(?:(?:[0-9A-Fa-f:]*:)?{_IPV4}|[0-9A-Fa-f:]*))",
                before=r"\1",
                value=r"\2",
                hints=(":",),
                check=ipv6,
            ),
            Part(rf"\b{_IPV4}\b", hints=(".",)),
        ),
    ),
    "credit_card": Preset(
        "Credit card numbers, checked by Luhn's digit",
        (Part(r"\b\d(?:[ -]?\d){12,}\b", check=cards),),
    ),
    "iban": Preset(
        "IBANs, checked by their digits",
        (
            Part(
                r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,4})?\b",
                check=ibans,
            ),
        ),
    ),
    "token": Preset(
        "Bearer tokens, JWTs, keys of AWS, GitHub, GitLab, Slack, Stripe and Google",
        (
            Part(
                _SCHEMES + r"([A-Za-z0-9._~+/=-]{8,})",
                before=r"\1",
                value=r"\2",
            ),
            Part(
                r"\b(?:eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"
                r"|(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}\b"
                r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{22,}"
                r"|glpat-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}"
                r"|[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35})",
            ),
        ),
    ),
    "secret": Preset(
        "Values of keys such as password, api_key and token, and passwords in URLs",
        (
            Part(
                _PAIR,
                before=r"\1\2\5",
                value=r"\3\6\8\9",
                after=r"\4\7",
                hints=("=", ":"),
            ),
            Part(
                r"(://[^\s:/@]*:)([^\s@/]+)(@)",
                before=r"\1",
                value=r"\2",
                after=r"\3",
                hints=("://",),
            ),
        ),
        names=re.compile(rf"(?:^|[\W_]|(?<=[a-z])(?=[A-Z])).*{_KEYS}(?:$|\.)", re.IGNORECASE),
    ),
    "uuid": Preset(
        "UUIDs",
        (
            Part(
                r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-"
                r"[0-9A-Fa-f]{12}\b",
                hints=("-",),
            ),
        ),
    ),
}  # fmt: skip
