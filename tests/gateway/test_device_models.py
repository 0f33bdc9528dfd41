"""Device models as files: the shipped ones are sound, wrong ones refused by field; what is read when."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gateway
from gateway.backpressure import Pressure
from gateway.modbus.connections import parse_connection
from gateway.modbus.device_models import DeviceModel, QuantityEntry, Reading, Table, parse_model
from gateway.modbus.polling import (
    RETRY_REFUSED_S,
    TELL_SILENT_S,
    Attempts,
    Block,
    Refusals,
    backoff_s,
    block_of,
    inside,
    interval_s,
    missed,
    next_due_s,
    plan,
)
from gateway.site_toml import SiteFileRefused

SHIPPED = sorted((Path(gateway.__file__).parent / "devices").glob("*.toml"))
SOURCE = 'source = "x"\n'
QUANTITY = '[[quantity]]\nname = "voltage_a_v"\naddress = 0\n'
NAMED = SOURCE + QUANTITY
BITS = '[[state]]\nname = "s"\naddress = 1\n'
TCP = 'kind = "tcp"\nhost = "h"\n'
DEVICE = '[[device]]\nid = "a"\nmodel = "m"\n'


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_models_name_their_source_and_check_plausibility(file: Path) -> None:
    model = parse_model(file.stem, file.read_text(encoding="utf-8"))
    assert len(model.source) > 20
    assert model.plausible.power_within is not None
    assert "voltage_a_v" in model.plausible.ranges
    assert {entry.where.function for entry in model.quantity} <= {1, 2, 3, 4}


def test_the_five_makes_are_shipped() -> None:
    assert {file.stem for file in SHIPPED} >= {
        "acrel-adw300", "acrel-adl400", "acrel-adl400-float", "chint-dtsu666", "eastron-sdm630"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (QUANTITY, "object missing required field `source`"),
        (NAMED + 'tabel = "input"', "quantity[0]: object contains unknown field `tabel`"),
        (NAMED + 'table = "write"', "quantity[0].table: invalid enum value 'write'"),
        (NAMED + "function = 6", "quantity[0]: object contains unknown field `function`"),
        (NAMED + 'type = "u8"', "quantity[0].type: expected one of u16"),
        (NAMED + "scale = 0", "quantity[0].scale: expected other than 0"),
        (NAMED + 'scale = "nan"', "quantity[0].scale: expected up to 12 decimals"),
        (NAMED + QUANTITY, "quantity[1].name: voltage_a_v occurs twice"),
        (NAMED.replace("voltage_a_v", "volts"), "quantity[0].name: expected a quantity"),
        (NAMED.replace("= 0", "= 65536"), "quantity[0].address: expected 0 to 65535"),
        (NAMED.replace("= 0", '= 65535\ntype = "f32"'), "quantity[0].address: expected"),
        (NAMED + 'table = "coil"\ntype = "u16"', "quantity[0].type: expected bit"),
        (SOURCE + '[reading]\nforbidden = [[0, 3]]\n' + QUANTITY, "lies in the forbidden range 0 to 3"),
        (SOURCE + '[reading]\nmost_registers = 126\n' + QUANTITY, "reading.most_registers: expected 1"),
        (NAMED + BITS + 'type = "bit"\non = "call"', "state[0]"),
        (NAMED + BITS, "state[0].equals: expected"),
        (NAMED + "[plausible]\npower_within = nan", "plausible.power_within: expected a share"),
        (NAMED + "[plausible.ranges]\nfrequency_hz = [nan, 65]", "plausible.ranges.frequency_hz: expected"),
    ],
)  # fmt: skip
def test_a_wrong_model_is_refused_by_field(content: str, said: str) -> None:
    with pytest.raises(SiteFileRefused) as refused:
        parse_model("m", content)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('kind = "udp"', "kind: invalid enum value 'udp'"),
        ('kind = "tcp"', "host: expected an address"),
        ('kind = "serial"', "path: expected the serial port"),
        ('kind = "tcp"\nhost = "h"\ntimeout_s = 0', "timeout_s: expected 0.02 to 30"),
        ('kind = "tcp"\nhost = "h"\nterminal = "a b"', "terminal: expected 1 to 32"),
        (TCP + DEVICE + "unit = 256", "device[0].unit: expected 0 to 255"),
        ('kind = "serial"\npath = "p"\n' + DEVICE + "unit = 0", "device[0].unit: expected 1 to 247"),
        (TCP + DEVICE + "unit = 1\nct = 0", "device[0].ct: expected more"),
        (TCP + DEVICE + "unit = 1\nct = nan", "device[0].ct: expected more"),
        (TCP + DEVICE + "unit = 1\nevery_s = nan", "device[0].every_s: expected 0.1"),
    ],
)  # fmt: skip
def test_a_wrong_connection_is_refused_by_field(content: str, said: str) -> None:
    with pytest.raises(SiteFileRefused) as refused:
        parse_connection("line", content)
    assert said in str(refused.value)


def test_the_digest_names_the_meaning_not_the_text() -> None:
    one = parse_model("a", NAMED)
    same = parse_model("b", '# other words\nsource = "x"\n' + QUANTITY + 'table = "holding"\ntype = "u16"\n')
    other = parse_model("a", NAMED + "scale = 0.1\n")
    assert one.digest == same.digest != other.digest


def _entries(places: list[tuple[Table, int, str]]) -> tuple[QuantityEntry, ...]:
    return tuple(
        QuantityEntry(name="voltage_a_v", table=table, address=at, type="bit" if table.of_bits else kind)
        for table, at, kind in places
    )


PLACES = st.lists(
    st.tuples(st.sampled_from(list(Table)), st.integers(0, 300), st.sampled_from(["u16", "f32", "i64"])),
    min_size=1,
    max_size=40,
)
READINGS = st.builds(
    Reading,
    most_registers=st.integers(4, 125),
    most_bits=st.integers(1, 2000),
    hole=st.integers(0, 20),
    forbidden=st.just(()) | st.just(((1000, 1010),)),
)


@settings(max_examples=100, deadline=None)
@given(PLACES, READINGS)
def test_every_entry_lies_whole_in_a_block_and_every_block_is_allowed(
    places: list[tuple[Table, int, str]], reading: Reading
) -> None:
    entries = _entries(places)
    blocks = plan(entries, reading)
    for entry in entries:
        want = block_of(entry)
        assert any(
            one.table == want.table and one.address <= want.address and want.end <= one.end for one in blocks
        )
    for block in blocks:
        assert block.count <= (reading.most_bits if block.table.of_bits else reading.most_registers)
        assert inside(block, entries)


def test_holes_forbidden_ranges_and_limits_part_blocks() -> None:
    entries = _entries([(Table.HOLDING, at, "u16") for at in (0, 5, 20, 22, 200)])
    told = [(block.address, block.count) for block in plan(entries, Reading(hole=4))]
    assert told == [(0, 6), (20, 3), (200, 1)]
    told = [(block.address, block.count) for block in plan(entries, Reading(hole=4, forbidden=((21, 21),)))]
    assert told == [(0, 6), (20, 1), (22, 1), (200, 1)]


def test_refused_entries_are_left_out_and_cut_ones_asked_alone() -> None:
    entries = _entries([(Table.HOLDING, at, "u16") for at in (0, 1, 2)])
    first, second, third = (block_of(entry) for entry in entries)
    assert plan(entries, Reading(), single={first, second, third}) == (first, second, third)
    assert plan(entries, Reading(), single={first, second, third}, refused={second}) == (first, third)


def test_a_refusal_is_named_once_and_forgotten_after_an_hour() -> None:
    refusals, part = Refusals.none(), Block(Table.HOLDING, 7, 1)
    refusals.cut([part], 0.0)
    assert refusals.refuse(part, 0.0)
    assert not refusals.refuse(part, 1.0)
    assert not refusals.forget_old(RETRY_REFUSED_S - 1)
    assert refusals.forget_old(RETRY_REFUSED_S + 2)
    assert not refusals.single
    assert not refusals.refused


@settings(max_examples=80, deadline=None)
@given(st.text(min_size=1, max_size=8), st.floats(0.1, 900), st.floats(0, 1e6))
def test_turns_stay_on_their_grid(device: str, every_s: float, now_s: float) -> None:
    first = next_due_s(device, every_s, now_s)
    assert now_s < first <= now_s + every_s * 1.000001 + 1e-6
    assert next_due_s(device, every_s, first + every_s * 0.3) - first == pytest.approx(every_s, abs=1e-6)
    assert missed(first, every_s, first + every_s * 2.5) == 2


def test_backoff_grows_to_five_minutes_and_silence_is_told_at_most_so_often() -> None:
    waits = [backoff_s(failures, 10, 0.5) for failures in range(1, 9)]
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]
    assert backoff_s(1000, 900, 0.5) == 900
    attempts = Attempts()
    assert attempts.answered(0.0)
    assert not attempts.answered(1.0)
    assert [attempts.unanswered(float(at)) for at in range(2, 6)] == [False, True, False, False]
    assert attempts.unanswered(3 + TELL_SILENT_S)
    assert attempts.answered(400.0)


def test_pressure_slows_to_a_quarter_and_then_stops() -> None:
    assert [interval_s(10, step) for step in Pressure] == [10, 40, None, None]


def test_every_reading_function_and_no_other() -> None:
    assert sorted(table.function for table in Table) == [1, 2, 3, 4]
    assert "function" not in QuantityEntry.__struct_fields__
    assert isinstance(parse_model("m", NAMED), DeviceModel)
