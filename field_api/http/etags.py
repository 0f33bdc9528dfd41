"""Entity tags: the revision and a digest of the text, so that nothing known is sent or overwritten twice.

``"3-5f2c…"`` is a strong tag: other bytes have another one. What somebody must have seen to change a thing
is its revision alone (facts that the system notes make nobody's step stale), so If-Match compares only what
stands before the dash.
"""

import hashlib
import re
from typing import Final

ANY: Final = "*"
ANY_REVISION: Final = 0
NO_REVISION: Final = -1
_DIGEST_DIGITS: Final = 20
_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_REVISION: Final = re.compile(r'"(\d{1,7})(?:-[0-9a-f]*)?"')


def entity_tag(text: bytes, revision: int | None) -> str:
    """The strong tag of a representation."""
    digest = hashlib.sha256(text).hexdigest()[:_DIGEST_DIGITS]
    return f'"{digest}"' if revision is None else f'"{revision}-{digest}"'


def is_known(if_none_match: str, tag: str) -> bool:
    """Does the asker hold the representation already? Weak comparison, lists and ``*`` (RFC 9110 13.1.2)."""
    return if_none_match.strip() == ANY or tag in _TAG.findall(if_none_match)


def seen_revision(if_match: str) -> int:
    """The revision that an If-Match names: ``ANY_REVISION`` for ``*``, ``NO_REVISION`` for anything else."""
    if if_match.strip() == ANY:
        return ANY_REVISION
    found = _REVISION.fullmatch(if_match.strip())
    return int(found[1]) if found and int(found[1]) else NO_REVISION
