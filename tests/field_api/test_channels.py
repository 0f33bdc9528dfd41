"""Channels as data: providers that are down, slow, lie or never answer; secrets stay secret (fault 31)."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from field_api.adapters.data_files import BadDataFile
from field_api.adapters.http_channel import HttpChannel
from field_api.adapters.notice_files import NoticeFolder, channel_files, site_call_list, site_texts
from field_api.adapters.site_secrets import NoSecret, SiteSecrets
from field_api.notices.alerts import NoticeKind
from field_api.notices.call_list import to_call
from field_api.notices.channel_file import HttpChannelFile, ReceiptRule, channel_of
from field_api.notices.notice import NoticeState, provider_key
from field_api.notices.ports import Delivery, Outcome
from tests.field_api.provider import BAD_NUMBER, LIE, Provider, running_provider

PHONE = "13612345670"
TOKEN = "very-secret-token"
SMS = {
    "name": "sms", "kind": "http", "url": "", "timeout_s": 0.5,
    "headers": {"Authorization": "Bearer {secret:sms_token}"},
    "body": '{"to": {phone}, "words": {text}, "id": {key}}',
    "taken": {"field": "code", "equals": ["0"]}, "refused": {"field": "code", "equals": ["4001"]},
    "reference": "data.id",
    "receipts": {"items": "list", "reference": "msgid", "state": "st", "delivered": ["DELIVRD"],
                 "failed": ["UNDELIV"], "read": ["READ"]},
}  # fmt: skip


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def _channel(provider: Provider, folder: Path, **changes: object) -> HttpChannel:
    (folder / "sms_token").write_text(TOKEN + "\n", encoding="utf-8")
    file = channel_of(SMS | {"url": provider.url} | changes)
    assert isinstance(file, HttpChannelFile)
    book = {"C3": PHONE, "C4": ""}
    return HttpChannel(file, lambda person: book[person], SiteSecrets(folder, {}))


def _delivery(person: str = "C3", key: str = "o1/outage/C3/0") -> Delivery:
    return Delivery(key, "outage", "o1", "王* 136****5670", '停电 "95598" {phone}', person)


def test_a_message_leaves_with_its_key_and_its_secret(provider: Provider, tmp_path: Path) -> None:
    (sent,) = _channel(provider, tmp_path).send([_delivery()])
    assert (sent.outcome, sent.reference) == (Outcome.ACCEPTED, "theirs")
    key = provider_key("o1/outage/C3/0")
    assert provider.requests == [{"to": PHONE, "words": '停电 "95598" {phone}', "id": key}]
    assert provider.headers[0]["Authorization"] == f"Bearer {TOKEN}"
    assert provider.headers[0]["Idempotency-Key"] == key
    assert "C3" not in key


@pytest.mark.parametrize(
    ("status", "answer", "outcome"),
    [
        (200, LIE, Outcome.UNCERTAIN),
        (200, BAD_NUMBER, Outcome.REFUSED),
        (400, BAD_NUMBER, Outcome.REFUSED),
        (503, LIE, Outcome.UNCERTAIN),
        (302, LIE, Outcome.UNCERTAIN),
        (200, {"code": 0, "data": {}}, Outcome.ACCEPTED),
    ],
)
def test_a_provider_is_believed_by_its_rule(
    provider: Provider, tmp_path: Path, status: int, answer: dict[str, object], outcome: Outcome
) -> None:
    provider.status, provider.answer = status, answer
    (sent,) = _channel(provider, tmp_path).send([_delivery()])
    assert sent.outcome is outcome
    assert PHONE not in sent.problem
    assert TOKEN not in sent.problem
    assert bool(sent.problem) is (outcome is not Outcome.ACCEPTED)


@pytest.mark.parametrize("how", ["wait_s", "drip", "cut"])
def test_a_slow_or_silent_provider_costs_three_timeouts_at_most(
    provider: Provider, tmp_path: Path, how: str
) -> None:
    setattr(provider, how, 1.0 if how == "wait_s" else True)
    channel = _channel(provider, tmp_path, timeout_s=0.2)
    sent = channel.send([_delivery(key=f"k{number}") for number in range(9)])
    assert [one.outcome for one in sent] == [Outcome.UNCERTAIN] * 3 + [Outcome.UNTRIED] * 6
    assert len(provider.requests) == 3


def test_no_log_holds_what_a_url_holds(
    provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"{provider.url}?to={{phone}}&token={{secret:sms_token}}"
    assert _channel(provider, tmp_path, url=url).send([_delivery()])[0].outcome is Outcome.ACCEPTED
    assert PHONE not in caplog.text
    assert TOKEN not in caplog.text


def test_a_provider_that_is_down_is_uncertain_and_nobody_is_named(tmp_path: Path) -> None:
    channel = _channel(Provider(port=1), tmp_path)
    (sent,) = channel.send([_delivery()])
    assert sent.outcome is Outcome.UNCERTAIN
    assert PHONE not in sent.problem


def test_a_customer_without_a_number_is_refused_for_good(provider: Provider, tmp_path: Path) -> None:
    assert [one.outcome for one in _channel(provider, tmp_path).send([_delivery("C4"), _delivery()])] == [
        Outcome.REFUSED,
        Outcome.ACCEPTED,
    ]


def test_receipts_read_as_the_file_says() -> None:
    rule = ReceiptRule.model_validate(SMS["receipts"])
    body = {
        "list": [{"msgid": 7, "st": "DELIVRD"}, {"msgid": "b", "st": "UNDELIV"}, {"msgid": "c", "st": "?"}]
    }
    assert rule.read_from(body) == (
        ("7", NoticeState.DELIVERED),
        ("b", NoticeState.FAILED),
        ("c", NoticeState.SENT),
    )
    with pytest.raises(ValueError, match="expected msgid and st"):
        rule.read_from({"list": [{"st": "READ"}]})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "pigeon"}, "expected http or apprise"),
        ({"body": '{"to": {telephone}}'}, "telephone"),
        ({"body": '{"to": {phone}'}, "delimiter"),
        ({"headers": {"X": "{phone}"}}, "headers.X"),
        ({"timeout_s": 900}, "less than or equal to 60"),
        ({"url": "ftp://x"}, "url"),
    ],
)
def test_a_channel_that_cannot_work_names_its_field(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        channel_of(SMS | {"url": "http://x/"} | changes)


def test_the_sites_files_are_read_and_mistakes_named(tmp_path: Path) -> None:
    folder = NoticeFolder(tmp_path)
    assert channel_files(folder) == ()
    assert site_call_list(folder) == ()
    folder.channels.mkdir()
    (folder.channels / "a.toml").write_text('name = "log"\nkind = "apprise"\nurls = ["json://x"]\n')
    with pytest.raises(BadDataFile, match="'log' is taken"):
        channel_files(folder)
    folder.call_list.write_text('[[people]]\nid = "a"\nname = "A"\nlevel = 9\n')
    with pytest.raises(BadDataFile, match=r"call_list.toml: people.0.level"):
        site_call_list(folder)
    folder.texts.mkdir()
    (folder.texts / "mine.toml").write_text(
        'kind = "outage"\naudience = "customer"\nzh = "{area}{cause}{off}{on} 95598"\nen = "x"\n'
    )
    with pytest.raises(BadDataFile, match="12398"):
        site_texts(folder)
    (folder.texts / "mine.toml").write_text(
        'kind = "outage"\naudience = "customer"\nzh = "{area}{cause}{off}{on} 95598 12398"\n'
        'en = "{area}{cause}{off}{on} 95598 12398"\n'
    )
    assert site_texts(folder)[NoticeKind.OUTAGE].words["zh"].startswith("{area}{cause}")


def test_the_call_list_goes_up_where_a_level_is_empty(tmp_path: Path) -> None:
    folder = NoticeFolder(tmp_path)
    folder.call_list.write_text(
        '[[people]]\nid = "lead"\nname = "张"\nlevel = 1\ncrews = ["crew-01"]\naddress = "1"\n'
        '[[people]]\nid = "desk"\nname = "李"\nlevel = 2\n'
    )
    people = site_call_list(folder)
    assert [one.id for one in to_call(people, 1, "crew-01")] == ["lead"]
    assert [one.id for one in to_call(people, 1, "crew-02")] == ["desk"]
    assert to_call(people, 3, "crew-01") == ()


def test_secrets_come_from_files_or_the_environment_and_are_blanked(tmp_path: Path) -> None:
    secrets = SiteSecrets(tmp_path, {"GRIDCREW_SECRET_SMS_TOKEN": TOKEN})
    assert secrets("sms-token") == TOKEN
    assert secrets.scrubbed(f"bad {TOKEN}!") == "bad ***!"
    with pytest.raises(NoSecret, match="GRIDCREW_SECRET_OTHER"):
        secrets("other")
