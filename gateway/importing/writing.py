"""What was read of a foreign file → the text of our files, and a report of all that has no equivalent. Pure.

The same input gives the same files, byte for byte. Devices whose values lie alike share one model.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b

import msgspec

from gateway.importing.foreign import Foreign, ForeignDevice, ForeignLine, ForeignPoint
from gateway.importing.names import Meaning, NameEntry, meaning
from gateway.modbus.connections import parse_connection
from gateway.modbus.device_models import parse_model
from gateway.site_toml import SiteFileRefused

_PARITIES = {"N": "N", "E": "E", "O": "O", "NONE": "N", "EVEN": "E", "ODD": "O"}
NAMES_FILE = "import-names.toml"


@dataclass(slots=True)
class Imported:
    """Files by their path in the site's folder, and what to know about them."""

    files: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    """One line for each value that is read from now on: foreign name → quantity, what was assumed."""
    untaken: list[str] = field(default_factory=list)
    """One line for everything that has no equivalent, with its place in the foreign file."""


def write_files(foreign: Foreign, source: str, names: Mapping[str, str | NameEntry]) -> Imported:
    """``source`` names the foreign file in the files' headers; ``names`` is the editable table."""
    done = Imported(untaken=list(foreign.untaken))
    models: dict[str, str] = {}
    lines: dict[ForeignLine, list[str]] = {}
    ids: set[str] = set()
    asked: dict[str, Meaning] = {}
    for device in foreign.devices:
        body = _model_body(device, names, done, asked)
        if body is None:
            done.untaken.append(f"{device.name}: none of its values is known here; the device is left out")
            continue
        model = models.setdefault(body, _free(f"imported-{_slug(device.name)}", set(models.values())))
        identity = _free(_printable(device.name), ids)
        ids.add(identity)
        lines.setdefault(device.line, []).append(_device_table(device, identity, model))
    for body, model in models.items():
        head = f"title = {_quoted(model)}\nsource = {_quoted(f'imported from {source}')}\n"
        _add(done, f"devices/{model}.toml", head + body, model=True)
    taken: set[str] = set()
    for line, devices in lines.items():
        name = _free(_slug(f"{line.host}-{line.port}" if line.host else line.path)[:28], taken)
        taken.add(name)
        _add(done, f"connections/{name}.toml", _line_head(line) + "".join(devices), model=False)
    done.files[NAMES_FILE] = _names_text(asked, names)
    return done


def _add(done: Imported, path: str, text: str, *, model: bool) -> None:
    """Our own reader has the last word on what we write."""
    name = path.rpartition("/")[2].removesuffix(".toml")
    try:
        (parse_model if model else parse_connection)(name, text)
    except SiteFileRefused as problem:
        done.untaken.append(f"{path}: {problem}; the file is left out")
        return
    done.files[path] = text


def _model_body(
    device: ForeignDevice,
    names: Mapping[str, str | NameEntry],
    done: Imported,
    asked: dict[str, Meaning],
) -> str | None:
    tables: list[str] = []
    seen: dict[str, str] = {}
    for point in device.points:
        found = meaning(point.name, point.unit, names)
        asked.setdefault(point.name, found)
        told = f"{point.where}: {device.name}: {point.name}"
        if not found.quantity:
            done.untaken.append(
                f"{told}: no quantity of the catalogue is known for it; name one in {NAMES_FILE}"
            )
        elif point.type.startswith("bit"):
            done.untaken.append(f"{told}: a bit is no quantity; write a [[state]] for it by hand")
        elif found.quantity in seen:
            done.untaken.append(f"{told}: {found.quantity} is {seen[found.quantity]} already")
        else:
            seen[found.quantity] = point.name
            tables.append(_quantity_table(point, found))
            note = f" ({found.assumed})" if found.assumed else ""
            done.taken.append(f"{told} → {found.quantity}{note}")
    return "".join(tables) or None


def _quantity_table(point: ForeignPoint, found: Meaning) -> str:
    scale = (point.scale * found.scale).normalize()
    rows = [
        "\n[[quantity]]",
        f'name = "{found.quantity}"',
        f'table = "{point.table}"',
        f"address = {point.address}",
        f'type = "{point.type}"',
        f'order = "{point.order}"',
    ]
    if scale != 1:
        rows.append(f"scale = {_number(scale)}")
    note = "; ".join(part for part in (f"was {point.name}", found.assumed) if part)
    rows.append(f"note = {_quoted(note)}")
    return "\n".join(rows) + "\n"


def _device_table(device: ForeignDevice, identity: str, model: str) -> str:
    every_s = min(max(device.every_s, 0.1), 86_400.0)
    return (
        f"\n[[device]]\nid = {_quoted(identity)}\nunit = {device.unit}\n"
        f'model = "{model}"\nevery_s = {every_s:g}\n'
    )


def _line_head(line: ForeignLine) -> str:
    rows = [f'kind = "{line.kind}"']
    if line.kind == "serial":
        parity = _PARITIES.get(line.parity.upper(), line.parity)
        rows += [f"path = {_quoted(line.path)}", f"baud = {line.baud}", f'parity = "{parity}"']
        rows.append(f"stop_bits = {line.stop_bits}")
    else:
        rows += [f"host = {_quoted(line.host)}", f"port = {line.port}"]
    return "\n".join((*rows, f"timeout_s = {min(max(line.timeout_s, 0.02), 30.0):g}")) + "\n"


def _names_text(asked: Mapping[str, Meaning], names: Mapping[str, str | NameEntry]) -> str:
    """The table to edit: what a person wrote stays, guesses are added, "" is what nobody knows."""
    rows = [
        "# Foreign names of values; edit and import again. An empty quantity leaves a value out.",
        "[names]",
    ]
    for name in sorted({*asked, *names}):
        told = names.get(name)
        entry = told if isinstance(told, NameEntry) else NameEntry(told) if told is not None else None
        if entry is None:
            entry = NameEntry(asked[name].quantity, asked[name].scale)
        rows.append(f"{_quoted(name)} = {_entry_text(entry)}")
    return "\n".join(rows) + "\n"


def _entry_text(entry: NameEntry) -> str:
    if entry.scale == 1:
        return _quoted(entry.quantity)
    return f"{{ quantity = {_quoted(entry.quantity)}, scale = {_number(entry.scale)} }}"


def _number(value: Decimal) -> str:
    return f"{value:f}"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return msgspec.json.encode(text).decode()


def _printable(name: str) -> str:
    return "".join(sign if sign.isprintable() else "_" for sign in name).strip()[:60] or "device"


def _slug(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-").lower()[:48]
    return plain or f"device-{blake2b(name.encode(), digest_size=3).hexdigest()}"


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken."""
    if name not in taken:
        return name
    return next(f"{name}-{number}" for number in range(2, len(taken) + 3) if f"{name}-{number}" not in taken)
