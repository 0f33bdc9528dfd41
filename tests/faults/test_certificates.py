"""Fault 24: revoked, expired and foreign certificates stay out; the authority is rotated without a gap."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from gateway.access import DAY_MS
from gateway.contract.topics import COMMAND, READINGS, topic
from gateway.security import Threat
from tests.faults.guarded import BROKERS, Gate, gate
from tests.faults.history import check_balance
from tests.gateway.certified import Papers, now_ms
from tests.gateway.running import await_true, readings_body
from tests.gateway.test_access import Ear


@pytest.fixture(params=BROKERS, scope="module")
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One for all tests of a broker; each has terminals of its own."""
    with gate(request.param, tmp_path_factory.mktemp("gate") / "g") as found:
        yield found


def foreign(name: str, folder: Path, trusted: Path) -> Papers:
    """A certificate of that name by an authority that nobody here knows."""
    issued = trustme.CA().issue_cert(common_name=name)
    papers = Papers(name, folder / f"{name}.pem", folder / f"{name}.key", trusted)
    issued.cert_chain_pems[0].write_to_path(papers.certificate)
    issued.private_key_pem.write_to_path(papers.key)
    return papers


def said(opened: Gate, papers: Papers, seq: int, meter: str) -> bool:
    """Whether the broker took a frame of it."""
    name = topic(papers.name, READINGS)
    return opened.made.publish(papers, name, readings_body(seq, [meter]).decode())


def stored(opened: Gate, meter: str) -> int:
    return len(opened.made.site.readings.series(meter, 0, 2**52))


def test_revoked_expired_and_foreign_certificates_stay_outside(opened: Gate, tmp_path: Path) -> None:
    made = opened.made
    good, revoked = made.terminal("T1"), made.terminal("T2")
    long_ago = now_ms() - 400 * DAY_MS
    expired = made.papers(made.desk.provision("T3", None, long_ago), "expired")
    stranger = foreign("T1", tmp_path, made.authority.trusted_file)
    assert said(opened, good, 1, "m1")
    assert said(opened, revoked, 1, "m2")
    made.desk.revoke("T2", "stolen", now_ms())
    opened.reload()
    await_true(lambda: not said(opened, revoked, 2, "m2"), "the revocation")
    assert not said(opened, expired, 1, "m3")
    assert not said(opened, stranger, 2, "m1-stolen")
    assert said(opened, good, 2, "m1")
    await_true(lambda: stored(opened, "m1") == 2, "the good terminal's frames")
    assert (stored(opened, "m3"), stored(opened, "m1-stolen")) == (0, 0)
    source = {"nats": "127.0.0.1", "mosquitto": "(before its name)"}[opened.kind]
    assert opened.await_event(Threat.CERTIFICATE, source).count >= 1
    check_balance(made.site)


def test_who_is_revoked_while_connected_says_no_more(opened: Gate) -> None:
    """The embedded broker cuts it; Mosquitto cannot, so its access list silences it."""
    made = opened.made
    bad, good = made.terminal("T4"), made.terminal("T5")
    ears = [Ear(made, papers, topic(papers.name, COMMAND)) for papers in (bad, good)]
    ears[0].say(topic("T4", READINGS), readings_body(1, ["m4"]))
    await_true(lambda: stored(opened, "m4") == 1, "the frame before")
    made.desk.revoke("T4", "stolen", now_ms())
    opened.reload()
    if opened.kind == "nats":
        assert ears[0].cut.wait(20)
    else:
        await_true(lambda: _denied_again(opened, ears[0]), "the denial")
    ears[1].say(topic("T5", READINGS), readings_body(1, ["m5"]))
    await_true(lambda: stored(opened, "m5") == 1, "the other terminal's frame")
    assert not ears[1].cut.is_set()
    for ear in ears:
        ear.close()


def _denied_again(opened: Gate, ear: Ear) -> bool:
    ear.say(topic("T4", READINGS), b"too late")
    return any((each.threat, each.source) == (Threat.FOREIGN_TOPIC, "T4") for each in opened.events())


def test_the_authority_is_rotated_without_a_gap(opened: Gate) -> None:
    """Old and renewed terminals speak at every step, and sessions stay."""
    made = opened.made
    names = ("T6", "T7")
    papers = {name: made.terminal(name) for name in names}
    listener = made.terminal("T8")
    Ear(made, listener, topic("T8", COMMAND), clean=False).close()
    seq = 0

    def all_speak() -> None:
        nonlocal seq
        seq += 1
        for name in names:
            await_true(lambda name=name: said(opened, papers[name], seq, name), f"{name} in step {seq}")  # type: ignore[misc]

    all_speak()
    made.authority.rotate(now_ms())
    opened.reload_authority()
    all_speak()
    papers["T6"] = made.papers(made.desk.rotate("T6", None, 0, now_ms()), "second")
    listener = made.papers(made.desk.rotate("T8", None, 0, now_ms()), "second")
    again = Ear(made, listener, topic("T8", COMMAND), clean=False)
    assert again.present, "the renewed terminal keeps its session"
    again.close()
    all_speak()
    left = {each.terminal for each in made.desk.of_older_authorities(now_ms())}
    assert "T7" in left
    assert "T6" not in left
    old = papers["T7"]
    papers["T7"] = made.papers(made.desk.rotate("T7", None, 7, now_ms()), "second")
    made.authority.finish(now_ms())
    opened.reload_authority()
    all_speak()
    await_true(lambda: not said(opened, old, 99, "T7"), "the old authority's end")
    await_true(lambda: all(stored(opened, name) == seq for name in names), "every frame")
    check_balance(made.site)
