"""``docs/asyncapi.yaml`` says what the contract says: topics, fields, limits, kinds, quantities, examples."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.adapters.mqtt.observer_files import ObserverBook
from gateway.codecs.foreign import no_terminal
from gateway.codecs.mqtt_frames import MqttDecoder
from gateway.codecs.state_grid_replies import reply
from gateway.contract import payloads, state_grid, topics
from gateway.frames import Frame
from telemetry.evidence import FIELD_KINDS, EvidenceKind
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
    "Hplc": payloads.Hplc,
    "Command": payloads.Command,
}


OWN = {*topics.UP_CHANNELS, topics.COMMAND}
decode = MqttDecoder(ObserverBook(Path("/nowhere"), lambda _: str, no_terminal).own, lambda _: None)


def test_the_topics_are_the_contracts() -> None:
    addresses = {name: channel["address"] for name, channel in DOCUMENT["channels"].items()}
    assert {name: addresses[name] for name in OWN} == {name: topics.topic("{terminal}", name) for name in OWN}
    foreign = {address for name, address in addresses.items() if name not in OWN}
    told = {
        state_grid.DEVICE_REQUEST,
        state_grid.TOPO_REQUEST,
        state_grid.SERVICE_DATA,
        state_grid.SERVICE_EVENT,
    }
    assert foreign == {f"/v1/{{edgeId}}/{name}" for name in {*told, *state_grid.REPLY_TO.values()}}


def _examples() -> Iterator[tuple[str, Any]]:
    for channel in DOCUMENT["channels"].values():
        for reference in channel["messages"].values():
            message = DOCUMENT["components"]["messages"][reference["$ref"].rpartition("/")[2]]
            address = channel["address"].replace("{terminal}", "T1").replace("{edgeId}", "TTU1")
            yield from ((address, example["payload"]) for example in message.get("examples", ()))


def test_requests_of_the_envelope_get_the_documented_answer() -> None:
    fields = set(SCHEMAS["EnvelopeReply"]["required"])
    answers = [
        answer
        for address, payload in _examples()
        if (answer := reply(Frame(address, msgspec.json.encode(payload), 1_795_306_501_000)))
    ]
    assert {answer.topic for answer in answers} == {
        f"/v1/TTU1/{name}" for name in state_grid.REPLY_TO.values()
    }
    assert all(fields <= set(msgspec.json.decode(answer.body)) for answer in answers)


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
    assert kinds == {kind.value for kind in FIELD_KINDS} - {EvidenceKind.CALL}
    told = {row["name"]: (row["unit"], row["low"], row["high"]) for row in DOCUMENT["x-quantities"]}
    assert told == {each.name: (each.unit, each.low, each.high) for each in CATALOGUE.values()}


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else ())
        for inner in node.values():
            yield from _references(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _references(inner)


def test_every_reference_resolves() -> None:
    references = set(_references(DOCUMENT))
    assert references
    for reference in references:
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]


def test_the_document_has_the_parts_of_asyncapi_3() -> None:
    """Required by the specification 3.0: asyncapi, info; a channel's messages, an operation's channel."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for channel in DOCUMENT["channels"].values():
        named = set(re.findall(r"{(\w+)}", channel["address"]))
        assert named == set(channel["parameters"])
        assert channel["messages"]
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in DOCUMENT["channels"]


@pytest.mark.parametrize(("address", "payload"), list(_examples()))
def test_the_examples_fit_their_schemas(address: str, payload: object) -> None:
    channel = next(
        each
        for each in DOCUMENT["channels"].values()
        if each["address"].replace("{terminal}", "T1").replace("{edgeId}", "TTU1") == address
    )
    (reference,) = (each["$ref"] for each in channel["messages"].values())
    message = DOCUMENT["components"]["messages"][reference.rpartition("/")[2]]
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(payload)


@pytest.mark.parametrize(("address", "payload"), [each for each in _examples() if "command" not in each[0]])
def test_the_examples_are_taken(address: str, payload: object) -> None:
    decoded = decode(Frame(address, msgspec.json.encode(payload), 1_795_306_501_000))
    assert (decoded.refusal, decoded.problems) == ("", ())
    assert decoded.evidence
