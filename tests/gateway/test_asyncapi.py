"""``docs/asyncapi.yaml`` says what the contract says: topics, fields, limits, kinds, quantities, examples."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from gateway.codecs.own import decode
from gateway.contract import payloads, topics
from gateway.frames import Frame
from telemetry.evidence import EvidenceKind
from telemetry.quantities import CATALOGUE

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs/asyncapi.yaml").read_text(encoding="utf-8")
)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
STRUCTS: dict[str, type[msgspec.Struct]] = {
    "Readings": payloads.Readings,
    "Events": payloads.Events,
    "Event": payloads.Event,
    "Status": payloads.Status,
    "Command": payloads.Command,
}


def test_the_topics_are_the_contracts() -> None:
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    named = {*topics.UP_CHANNELS, topics.COMMAND}
    assert addresses == {name: topics.topic("{terminal}", name) for name in named}


@pytest.mark.parametrize("name", STRUCTS)
def test_the_fields_are_the_contracts(name: str) -> None:
    fields = msgspec.structs.fields(STRUCTS[name])
    assert set(SCHEMAS[name]["properties"]) == {field.encode_name for field in fields}
    assert set(SCHEMAS[name]["required"]) == {field.encode_name for field in fields if field.required}


def test_the_limits_are_the_contracts() -> None:
    readings, events = SCHEMAS["Readings"]["properties"], SCHEMAS["Events"]["properties"]
    assert readings["meters"]["maxItems"] == payloads.MAX_METERS
    assert readings["quantities"]["maxItems"] == payloads.MAX_QUANTITIES
    assert events["events"]["maxItems"] == payloads.MAX_EVENTS
    assert DOCUMENT["x-limits"]["max_frame_bytes"] == topics.MAX_FRAME_BYTES


def test_the_kinds_and_quantities_are_the_catalogues() -> None:
    kinds = set(SCHEMAS["Event"]["properties"]["kind"]["enum"])
    assert kinds == {kind.value for kind in EvidenceKind} - {EvidenceKind.CALL}
    told = {row["name"]: (row["unit"], row["low"], row["high"]) for row in DOCUMENT["x-quantities"]}
    assert told == {each.name: (each.unit, each.low, each.high) for each in CATALOGUE.values()}


@pytest.mark.parametrize("channel", sorted(topics.UP_CHANNELS))
def test_the_examples_are_taken(channel: str) -> None:
    for example in DOCUMENT["components"]["messages"][channel]["examples"]:
        frame = Frame(topics.topic("T1", channel), msgspec.json.encode(example["payload"]), 1_795_306_501_000)
        decoded = decode(frame)
        assert (decoded.refusal, decoded.problems) == ("", ())
        assert decoded.evidence
