"""Texts, channels and the call list from their files, shipped and of the site."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from field_api.adapters.data_files import BadDataFile
from field_api.adapters.http_channel import HttpChannel
from field_api.adapters.site_secrets import SiteSecrets
from field_api.notices.alerts import NoticeKind
from field_api.notices.call_list import Contact, call_list_of
from field_api.notices.channel_file import ChannelFile, HttpChannelFile, channel_of
from field_api.notices.ports import AddressBook, Channel
from field_api.notices.wording import NoticeText, NoticeTexts, notice_text_of

HAS_APPRISE: Final = find_spec("apprise") is not None
_Declared = TypeVar("_Declared")


@dataclass(frozen=True, slots=True)
class NoticeFolder:
    """Where a site keeps what it says of notices; nothing in it need be there."""

    root: Path

    @property
    def call_list(self) -> Path:
        """``call_list.toml``: personal, to be readable by this account alone."""
        return self.root / "call_list.toml"

    @property
    def channels(self) -> Path:
        """``channels/*.toml``"""
        return self.root / "channels"

    @property
    def texts(self) -> Path:
        """``notice_texts/*.toml``"""
        return self.root / "notice_texts"

    @property
    def secrets(self) -> Path:
        """``secrets/NAME``: one value in each."""
        return self.root / "secrets"


@cache
def shipped_texts() -> NoticeTexts:
    """The texts of the installation."""
    return _texts(resources.files("field_api.notice_texts").iterdir())


def site_texts(folder: NoticeFolder | None) -> NoticeTexts:
    """The shipped texts, under the site's own; raises ``BadDataFile``."""
    if folder is None or not folder.texts.is_dir():
        return shipped_texts()
    return {**shipped_texts(), **_texts(folder.texts.iterdir())}


def site_call_list(folder: NoticeFolder | None) -> tuple[Contact, ...]:
    """The site's call list; nobody where there is none. Raises ``BadDataFile``."""
    if folder is None or not folder.call_list.is_file():
        return ()
    return _parsed(folder.call_list, call_list_of)


def channel_files(folder: NoticeFolder | None) -> tuple[ChannelFile, ...]:
    """The site's channels by name; raises ``BadDataFile``."""
    if folder is None or not folder.channels.is_dir():
        return ()
    found = tuple(_parsed(file, channel_of) for file in _toml(folder.channels.iterdir()))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1 or name == "log":
            raise BadDataFile(f"{folder.channels}: name: {name!r} is taken")
    return found


def open_channel(file: ChannelFile, addresses: AddressBook, secrets: SiteSecrets) -> Channel:
    """The channel of a file; raises ``BadDataFile`` where the package that it needs is missing."""
    if isinstance(file, HttpChannelFile):
        return HttpChannel(file, addresses, secrets)
    if not HAS_APPRISE:
        raise BadDataFile(f"channel {file.name!r} needs the extra notify: pip install 'gridcrew[notify]'")
    adapter = import_module("field_api.adapters.apprise_channel")
    channel: Channel = adapter.AppriseChannel(file, addresses, secrets)
    return channel


def _texts(files: Iterable[Traversable]) -> dict[NoticeKind, NoticeText]:
    found = [_parsed(file, notice_text_of) for file in _toml(files)]
    return {text.kind: text for text in found}


def _toml(files: Iterable[Traversable]) -> list[Traversable]:
    return sorted((file for file in files if file.name.endswith(".toml")), key=lambda file: file.name)


def _parsed(file: Traversable, read: Callable[[Mapping[str, object]], _Declared]) -> _Declared:
    try:
        return read(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as problem:
        first = problem.errors()[0]
        raise BadDataFile(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as problem:
        raise BadDataFile(f"{file.name}: {problem}") from None
