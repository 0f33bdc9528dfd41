"""A poll's frame → readings and evidence: golden frames, exactness, nonsense; pure."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.modbus.model_shelf import ModelShelf
from gateway.codecs.modbus import MODBUS, Poll, encode, make_decode
from gateway.frames import Decoded, Frame
from gateway.modbus.device_models import DeviceModel, Table, parse_model
from gateway.modbus.polling import Block
from gateway.modbus.reading import Image, Ratios, implausible, read_values, scaled_integer
from telemetry.evidence import EvidenceKind
from telemetry.readings import Quality

CASES = Path(__file__).parent / "cases" / "modbus" / "polls"
AT = 1_795_300_000_000


@pytest.mark.parametrize("case", sorted(CASES.glob("*.json")), ids=lambda case: case.stem)
def test_golden_polls(case: Path, tmp_path: Path) -> None:
    told = json.loads(case.read_text(encoding="utf-8"))
    assert told["source"]
    frame = Frame(told["poll"]["device"], json.dumps(told["poll"]).encode(), AT, MODBUS)
    decoded = make_decode(ModelShelf(tmp_path).find)(frame)
    (batch,) = decoded.batches
    values = {
        name: str(Decimal(whole).scaleb(-decimals))
        for name, whole, decimals in zip(
            batch.quantities, batch.scaled[0].tolist(), batch.decimals, strict=True
        )
    }
    assert values == told["values"]
    assert (batch.terminal, batch.meters, batch.boot, batch.at_ms) == (
        told["poll"]["terminal"], (told["poll"]["device"],), MODBUS, told["poll"]["at"],
    )  # fmt: skip


def _model(*quantities: str, more: str = "") -> DeviceModel:
    return parse_model(
        "m", 'source = "test"\n' + more + "".join(f"\n[[quantity]]\n{q}\n" for q in quantities)
    )


def _poll(**more: object) -> Poll:
    plain = {"device": "M1", "unit": 1, "terminal": "T1", "model": "m", "digest": "", "at": AT}
    return Poll(**(plain | more))  # type: ignore[arg-type]


def _decoded(model: DeviceModel, poll: Poll) -> Decoded:
    return make_decode(lambda name, _: model if name == "m" else None)(encode(poll, AT + 5))


def test_whole_numbers_stay_exact_through_scale_and_ratio() -> None:
    model = _model(
        'name = "energy_import_kwh"\naddress = 0\ntype = "u64"\nscale = 0.001\nratio = "ct*pt"',
    )
    poll = _poll(
        ct=Decimal("13.333"), pt=Decimal(100), blocks=((Table.HOLDING, 0, 4, f"{123_456_789_012:016x}"),)
    )
    (batch,) = _decoded(model, poll).batches
    assert Decimal(int(batch.scaled[0, 0])).scaleb(-batch.decimals[0]) == Decimal("123456789.012") * Decimal(
        "1333.3"
    )


def test_ratios_from_registers_unless_the_file_gives_them_and_none_rather_than_a_wrong_one() -> None:
    model = _model(
        'name = "current_a_a"\naddress = 0\nratio = "ct"', more="[ratios.ct]\naddress = 9\nmissing = [0]\n"
    )
    blocks = {Block(Table.HOLDING, 0, 1): b"\0\5", Block(Table.HOLDING, 9, 1): b"\0\x28"}
    assert read_values(model, Image(blocks), Ratios()) == {"current_a_a": 200}
    assert read_values(model, Image(blocks), Ratios(ct=Decimal(3))) == {"current_a_a": 15}
    assert read_values(model, Image({Block(Table.HOLDING, 0, 1): b"\0\5"}), Ratios()) == {}


def test_missing_values_and_what_was_not_read_are_absent() -> None:
    model = _model(
        'name = "voltage_a_v"\naddress = 0\nmissing = [0xFFFF]\nscale = 0.1',
        'name = "voltage_b_v"\naddress = 1\nscale = 0.1',
        'name = "voltage_c_v"\naddress = 50\nscale = 0.1',
        'name = "temperature_c"\naddress = 2\ntype = "i16"\nscale = 0.5\noffset = -10',
    )
    (batch,) = _decoded(model, _poll(blocks=((Table.HOLDING, 0, 3, "ffff08fc0001"),))).batches
    assert dict(zip(batch.quantities, batch.scaled[0].tolist(), strict=True)) == {
        "voltage_b_v": 2300,
        "temperature_c": -95,
    }


def test_a_value_out_of_range_is_kept_and_doubted() -> None:
    model = _model('name = "voltage_a_v"\naddress = 0', 'name = "voltage_b_v"\naddress = 1')
    decoded = _decoded(model, _poll(blocks=((Table.HOLDING, 0, 2, "08fc00e6"),)))
    (batch,) = decoded.batches
    assert batch.scaled.tolist() == [[23000, 2300]]
    assert batch.doubts is not None
    assert batch.doubts.tolist() == [[Quality.OUT_OF_RANGE, Quality.GOOD]]
    assert decoded.problems == ("voltage_a_v: expected 0 to 500, found 2300",)


def test_states_are_evidence_when_they_change() -> None:
    model = _model(
        'name = "voltage_a_v"\naddress = 0',
        more='[[state]]\nname = "breaker"\ntable = "discrete"\naddress = 3\non = "switch_closed"\n'
        'off = "switch_open"\ndevice = "{id}-Q1"\n',
    )
    for bits, kind in (("08", EvidenceKind.SWITCH_CLOSED), ("00", EvidenceKind.SWITCH_OPEN)):
        poll = _poll(blocks=((Table.DISCRETE, 0, 4, bits),), states=("breaker",))
        (fact,) = _decoded(model, poll).evidence
        assert (fact.kind, fact.devices, fact.source, fact.at_ms) == (kind, ("M1-Q1",), "T1", AT)
    assert _decoded(model, _poll(blocks=((Table.DISCRETE, 0, 4, "08"),))).evidence == ()


def test_silence_is_silent_and_never_off() -> None:
    decoded = _decoded(_model('name = "voltage_a_v"\naddress = 0'), _poll(silent="no answer", link=False))
    assert [fact.kind for fact in decoded.evidence] == [EvidenceKind.SILENT]
    assert decoded.online is False
    assert decoded.devices[0].online is False
    assert decoded.batches == ()


def test_the_same_frame_has_the_same_name_and_number() -> None:
    model = _model('name = "voltage_a_v"\naddress = 0\nscale = 0.1')
    one, again = (_decoded(model, _poll(blocks=((Table.HOLDING, 0, 1, "08fc"),))) for _ in range(2))
    other = _decoded(model, _poll(blocks=((Table.HOLDING, 0, 1, "08fd"),)))
    assert one.named_by_content
    assert one.key == again.key != other.key
    assert one.batches[0].seq == again.batches[0].seq != other.batches[0].seq
    assert 0 <= one.batches[0].seq < 2**63


def test_a_frame_waits_in_the_dead_letters_for_its_model() -> None:
    decoded = _decoded(_model('name = "voltage_a_v"\naddress = 0'), _poll(model="gone"))
    assert decoded.refusal == "model: expected a file gone.toml in devices/, there is none"
    assert decoded.terminal == "T1"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_refused_not_raised(body: bytes) -> None:
    model = _model('name = "voltage_a_v"\naddress = 0')
    assert make_decode(lambda *_: model)(Frame("M1", body, AT, MODBUS)).refusal


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_registers_of_any_content_never_raise(data: st.DataObject) -> None:
    shelf = ModelShelf(Path("nowhere"))
    name = data.draw(st.sampled_from(sorted(shelf.models)))
    model = shelf.models[name]
    start = min(entry.address for entry in model.quantity)
    end = min(max(entry.end for entry in model.quantity), start + 120)
    raw = data.draw(st.binary(min_size=2 * (end - start), max_size=2 * (end - start)))
    block = (model.quantity[0].where, start, end - start, raw.hex())
    decoded = make_decode(shelf.find)(encode(_poll(model=name, blocks=(block,)), AT))
    assert decoded.refusal == ""
    for batch in decoded.batches:
        assert batch.scaled.dtype == np.int64
    image = Image({Block(model.quantity[0].where, start, end - start): raw})
    implausible(model, image, None)


@settings(max_examples=100, deadline=None)
@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, places=6))
def test_a_scaled_integer_is_the_value(value: Decimal) -> None:
    whole, decimals, exact = scaled_integer("active_power_kw", value)
    assert exact
    assert Decimal(whole).scaleb(-decimals) == value
    assert decimals >= 4


def test_wrong_orders_and_scales_are_recognised() -> None:
    shelf = ModelShelf(Path("nowhere"))
    model = shelf.models["acrel-adw300"]
    table = model.quantity[0].where
    good = Image({Block(table, 20, 3): bytes.fromhex("08fc08fd08fe")})
    assert implausible(model, good, None) == ""
    tenfold = Image({Block(table, 20, 3): bytes.fromhex("00e600e700e8")})
    assert "with other scales all would be plausible: V × 10" in implausible(model, tenfold, None)
    swapped = Image({Block(table, 20, 3): bytes.fromhex("fc08fd08fe08")})
    assert "with order BADC" in implausible(model, swapped, None)


def test_a_frame_is_small_and_names_its_device() -> None:
    frame = encode(_poll(blocks=((Table.HOLDING, 0, 125, "ab" * 250),)), AT)
    assert (frame.topic, frame.door) == ("M1", MODBUS)
    assert len(frame.body) < 700
    assert replace(frame, door="x").body == frame.body
