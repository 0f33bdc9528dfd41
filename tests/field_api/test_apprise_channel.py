"""Services of the ``apprise`` package: the text arrives, a no is uncertain, tokens stay out of logs."""

import json
import logging
from pathlib import Path

import pytest

from field_api.adapters.apprise_channel import AppriseChannel
from field_api.adapters.site_secrets import SiteSecrets
from field_api.notices.channel_file import AppriseChannelFile, channel_of
from field_api.notices.ports import Delivery, Outcome
from tests.field_api.provider import running_provider

DELIVERY = Delivery("k", "escalation", "", "staff:lead", "工单 R-1 无人接单", "staff:lead")


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_the_text_arrives_and_a_no_is_uncertain(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with running_provider() as provider:
        (tmp_path / "hook").write_text(f"user:pa55word@127.0.0.1:{provider.port}", encoding="utf-8")
        file = channel_of({"name": "wecom", "kind": "apprise", "urls": ["json://{secret:hook}/{address}"]})
        assert isinstance(file, AppriseChannelFile)
        addresses = {"staff:lead": "some/one"}
        channel = AppriseChannel(file, lambda one: addresses.get(one, ""), SiteSecrets(tmp_path, {}))
        assert [one.outcome for one in channel.send([DELIVERY])] == [Outcome.ACCEPTED]
        assert "工单 R-1 无人接单" in json.dumps(provider.requests, ensure_ascii=False)
        provider.status = 500
        sent = channel.send([DELIVERY] * 5)
        assert [one.outcome for one in sent] == [Outcome.UNCERTAIN] * 3 + [Outcome.UNTRIED] * 2
        addresses.clear()
        assert channel.send([DELIVERY])[0].outcome is Outcome.REFUSED
    assert "pa55word" not in caplog.text
