"""Files that only their owner may read: keys, passwords, configurations that hold them."""

import os
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600


def write_private(file: Path, content: bytes, mode: int = PRIVATE) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
