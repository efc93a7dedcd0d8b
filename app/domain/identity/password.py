"""Which passwords an account may have (NIST SP 800-63B section 5.1.1.2: length and common ones, no composition)."""

from __future__ import annotations

import unicodedata

from app.shared.errors import AppError, FieldFault, Kind

MIN_CHARACTERS = 12
MAX_CHARACTERS = 256
_PRODUCT = ("hello", "ticket", "helloticket")
_MAX_WORDS = 16
_MIN_WORD = 3
_COMMON_SLACK = 3
"""A common password with this many characters more is still a common password."""
_LEET = str.maketrans("0134578@$!|+l", "oieastbasiiti")
"""Letters that look alike fall together, in the password and in the words it is compared with."""


class WeakPassword(AppError):
    """The password is too short, too long, one that everyone tries, or mostly made of what is known of the person."""

    code = "weak_password"
    kind = Kind.INVALID


def check_password(password: str, *, context: tuple[str, ...] = (), pointer: str = "/password") -> None:
    """Raises WeakPassword. `context` is what an attacker knows: the e-mail's local part, the full name, the tenant.

    `pointer` (RFC 6901) names the field in the error. Lengths are in characters (code points), as typed.
    """
    if len(password) < MIN_CHARACTERS:
        raise _weak("too_short", f"Use at least {MIN_CHARACTERS} characters, for example four words.", pointer)
    if len(password) > MAX_CHARACTERS:
        raise _weak("too_long", f"Use at most {MAX_CHARACTERS} characters.", pointer)
    if any("\ud800" <= character <= "\udfff" for character in password):
        raise _weak("not_text", "The password holds half a character. Type it again.", pointer)
    folded = _folded(password)
    if _is_common(folded):
        raise _weak("common_password", "This is one of the passwords that are tried first. Choose another.", pointer)
    if 2 * _covered(folded, _words(context)) > len(password):
        raise _weak("context_word", "This is mostly a name that others know. Add words nobody would guess.", pointer)


def _weak(code: str, detail: str, pointer: str) -> WeakPassword:
    return WeakPassword(detail, errors=(FieldFault(pointer, code, detail),))


def _folded(text: str) -> str:
    """Case, width, look-alikes and everything between letters and digits gone: `P@ss-Word` is `password`."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_LEET)
    return "".join(character for character in plain if character.isalnum())


def _words(context: tuple[str, ...]) -> list[str]:
    """Each item whole and in its parts, longest first, so that parts don't break up what they belong to."""
    items = [item[:MAX_CHARACTERS] for item in context[:_MAX_WORDS]]
    parts = [part for item in items for part in "".join(c if c.isalnum() else " " for c in item).split()]
    words = {_folded(word) for word in (*_PRODUCT, *items, *parts[:_MAX_WORDS])}
    return sorted((word for word in words if len(word) >= _MIN_WORD), key=lambda word: (-len(word), word))


def _covered(folded: str, words: list[str]) -> int:
    """How many characters of `folded` are one of the words."""
    rest = folded
    for word in words:
        rest = rest.replace(word, " ")
    return len(folded) - sum(character != " " for character in rest)


def _is_common(folded: str) -> bool:
    return any(word in folded and len(folded) - len(word) <= _COMMON_SLACK for word in _COMMON)


_TRIED_FIRST = """
000000000000 0123456789012 098765432109 0987654321098 101010101010 111111111111 111122223333 112233445566
121212121212 123123123123 123412341234 12345678900987654321 123456789012 1234567890123 12345678901234
123456789123456789 1234567890abc 1234567890qwe 1234567890qwerty 123456789abc 123456789qwe 123456abcdef 123456qwerty
123456qwertyu 123654789987 123qweasdzxc 147258369147 147852369147 1q2w3e4r5t6y 1q2w3e4r5t6y7u8i 1qaz2wsx3edc
1qaz2wsx3edc4rfv 1qazxsw23edc 222222222222 777777777777 987654321987 999999999999 a1b2c3d4e5f6 aaaaaaaaaaaa
abc123abc123 abc123456789 abcd12345678 abcdefghijkl abcdefghijklm abcdefghijklmnopqrstuvwxyz abcdef123456
adgjmptw1234 admin1234567 adminadmin12 administrator administrator1 alexander123 asdasdasdasd asdfasdfasdf
asdfghjkl123 asdfghjklzxcvbnm asdfjkl12345 barcelona123 baseball1234 basketball12 basketball123 butterfly123
changeme1234 changemechangeme changemenow1 chelseafc123 chocolate123 christopher1 christopher123 computer1234
dragonballz1 elizabeth123 football1234 fuckyou12345 hello1234567 helloworld12
helloworld123 iloveyou1234 iloveyou12345 iloveyoubaby iloveyouforever iloveyousomuch internet1234 jesuschrist1
jordan232323 letmein12345 letmeinletmein linkedin1234 liverpool123 liverpoolfc1 manchester123 manchesterunited
masterkey123 michaeljordan michelle1234 monkey123456 mypassword12 mypassword123 mynameisjohn newpassword1
pa55word1234 pass12345678 passpasspass password0000 password1111 password1234 password12345 password123456
password2024 password2025 password2026 passwordpassword passw0rd1234 pokemon12345 princess1234 q1w2e3r4t5y6
q1w2e3r4t5y6u7i8 qazwsxedcrfv qazwsxedc123 qqqqqqqqqqqq qwe123qwe123 qweasdzxc123 qwerty123456 qwertyqwerty
qwertyuiop12 qwertyuiop123 qwertyuiop[] qwertyuiopasdfgh qwertyuiopasdfghjklzxcvbnm rockyou12345 samsung12345
secret123456 september123 spiderman123 starwars1234 summer202424 sunshine1234 superman1234 teacher12345 test12345678
testtesttest thisismypassword trustno11234 unbelievable welcome12345 welcome123456 whatever1234 zaq12wsxcde3
zaq1xsw2cde3 zxcvbnm12345 zxcvbnmasdfghjkl zxcvbnmzxcvbnm
"""
"""Frequent in leaked lists, 12 characters and more; shorter ones are refused by their length."""

_COMMON = frozenset(_folded(word) for word in _TRIED_FIRST.split())
