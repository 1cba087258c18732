from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.processing.presets import PRESETS, luhn
from tests.sources.processing.rows import applied, batch_of, field, kept, lines

pytestmark = pytest.mark.unit

ALL = {"masks": [{"preset": name} for name in PRESETS]}
JWT = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
)
V4 = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("preset", "line", "shown"),
    [
        ("email", "from <a.b+c@mail.example.co.uk>, ok", "from <[email]>, ok"),
        ("email", "GET /?u=bob%40example.com HTTP", "GET /?u=[email] HTTP"),
        ("email", "jürgen@müller.de", "[email]"),
        ("email", "a @ b, user@host", "a @ b, user@host"),
        ("ip", "10.0.0.1:8080 255.255.255.255", "[ip]:8080 [ip]"),
        ("ip", "at 12:30:45 std::add 300.1.1.1.", "at 12:30:45 std::add 300.1.1.1."),
        ("ip", "[2001:db8::ff00:42:8329]:443 fe80::1 ::1", "[[ip]]:443 [ip] [ip]"),
        ("ip", "::ffff:10.1.2.3 connected", "[ip] connected"),
        ("credit_card", f"paid {V4}, 5555555555554444", "paid [credit_card], [credit_card]"),
        ("credit_card", "3782-822463-10005 2223003122003222", "[credit_card] [credit_card]"),
        ("credit_card", "order 1234 4111111111111111 done", "order 1234 [credit_card] done"),
        ("credit_card", "4111111111111112 1791640536120345678", "4111111111111112 1791640536120345678"),
        ("iban", "to DE89370400440532013000.", "to [iban]."),
        ("iban", "to GB29 NWBK 6016 1331 9268 19 PAID now", "to [iban] PAID now"),
        ("iban", "DE89370400440532013001", "DE89370400440532013001"),
        ("token", "Authorization: Bearer abcdef123456", "Authorization: Bearer [token]"),
        ("token", f"jwt={JWT};", "jwt=[token];"),
        ("token", "AKIAIOSFODNN7EXAMPLE ghp_" + "a1" * 18, "[token] [token]"),
        ("secret", "password=hunter2 user=bob", "password=[secret] user=bob"),
        ("secret", '{"apiKey": "a \\"b\\" c", "n": 1}', '{"apiKey": "[secret]", "n": 1}'),
        ("secret", "db_password: 's p'; x", "db_password: [secret]; x"),
        ("secret", "/login?token=abc&x=1", "/login?token=[secret]&x=1"),
        ("secret", 'msg="{\\"secret\\":\\"x y\\"}"', 'msg="{\\"secret\\":\\"[secret]\\"}"'),
        ("secret", "Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [secret]"),
        ("secret", "postgres://joe:s3cr3t@db/x", "postgres://joe:[secret]@db/x"),
        ("secret", "tokens=5 max_tokens: 9", "tokens=5 max_tokens: 9"),
        ("uuid", "id 6F9619FF-8B86-D011-B42D-00CF4FC964FF.", "id [uuid]."),
    ],
)  # fmt: skip
def test_a_preset_hides_its_secrets_alone(preset, line, shown):
    outcome = applied({"masks": [{"preset": preset}]}, lines(line))

    assert kept(outcome) == [shown]
    assert outcome.masked == (line != shown)


def test_own_patterns_are_replaced_with_their_groups():
    masks = [{"pattern": r"user=(\w)\w*", "replacement": r"user=\1…"}]

    assert kept(applied({"masks": masks}, lines("user=alice x"))) == ["user=a… x"]


def test_hashes_keep_lines_joinable_and_depend_on_the_key():
    rules = {"masks": [{"preset": "email", "mode": "hash"}]}
    batch = lines("a@b.example x", "y a@b.example", "c@b.example")

    one, two, other = kept(applied(rules, batch))
    elsewhere = kept(applied(rules, batch, key=b"another"))[0]

    assert one.split()[0] == two.split()[1] != other
    assert elsewhere != one
    assert "@" not in one + two + other


def test_fields_labels_and_names_of_fields_are_masked_too():
    rows = [
        {"line": "x", "who": "a@b.example", "a@b.example": "1", "db.password": "plain"}
    ]

    outcome = applied(ALL, batch_of(rows, user="c@d.example"))

    assert field(outcome, "who") == ["[email]"]
    assert field(outcome, "[email]") == ["1"]
    assert field(outcome, "db.password") == ["[secret]"]
    assert dict(outcome.batch.streams[0]) == {"source": "app", "user": "[email]"}


def test_escapes_of_json_hide_nothing():
    line = '{"to":"bob\\u0040example.com"}'

    assert kept(applied(ALL, lines(line, "\\u0041"))) == ['{"to":"[email]"}', "\\u0041"]


def test_lines_that_hold_private_characters_are_masked_as_well():
    texts = [f"\ue000 a@b.example \ue000{i}" for i in range(3)]
    rules = {"masks": [{"preset": "email", "mode": "hash"}]}

    shown = kept(applied(rules, lines(*texts)))

    assert [s[0] + s[-2:] for s in shown] == [t[0] + t[-2:] for t in texts]
    assert not any("@" in s for s in shown)


WORDS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)


@st.composite
def secrets(draw):
    """A secret with the beginning and the end that make it one."""
    letters = st.text("abcdefghijklmnop", min_size=8, max_size=20)
    digits = draw(st.text("0123456789", min_size=14, max_size=14))
    card = next(f"4{digits}{last}" for last in "0123456789" if luhn(f"4{digits}{last}"))
    byte = st.integers(0, 255)
    return draw(
        st.sampled_from(
            [
                draw(letters) + "@" + draw(letters) + ".example",
                ".".join(str(draw(byte)) for _ in range(4)),
                card,
                "-".join(card[i : i + 4] for i in range(0, 16, 4)),
                "ghp_" + draw(letters) * 3,
                str(draw(st.uuids())),
            ]
        )
    )


@settings(deadline=None, max_examples=30)
@given(WORDS, secrets(), WORDS, st.sampled_from(["replace", "hash"]))
def test_no_secret_comes_through_in_any_place(before, secret, after, mode):
    rules = {"masks": [{"preset": name, "mode": mode} for name in PRESETS]}
    text = f"{before} {secret} {after}"
    rows = [
        {"line": text, "field": text, "alone": secret, "json": json.dumps({"k": text})}
    ]

    outcome = applied(rules, batch_of(rows, label=secret))

    everything = json.dumps(outcome.batch.table.to_pylist()) + str(
        outcome.batch.streams
    )
    assert secret not in everything


@settings(deadline=None, max_examples=30)
@given(st.lists(WORDS, min_size=1, max_size=6), st.sampled_from(sorted(PRESETS)))
def test_a_batch_is_masked_as_its_lines_are_one_by_one(texts, preset):
    rules = {"masks": [{"preset": preset, "mode": "hash"}]}

    whole = kept(applied(rules, lines(*texts)))

    assert whole == [kept(applied(rules, lines(text)))[0] for text in texts]
    assert pa.array(whole).type == pa.string()
