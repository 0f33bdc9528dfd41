"""A reader of vector tiles after the published format, sharing nothing with our writer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Feature:
    id: int
    kind: int
    properties: dict[str, Any]
    parts: list[list[tuple[int, int]]]


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values of a protocol-buffer message (wire types 0 and 2 only)."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        if key & 7 == 0:
            value: Any
            value, at = varint(message, at)
        else:
            assert key & 7 == 2, key
            length, at = varint(message, at)
            value, at = message[at : at + length], at + length
            assert len(value) == length
        yield key >> 3, value


def varint(message: bytes, at: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def packed(message: bytes) -> list[int]:
    numbers, at = [], 0
    while at < len(message):
        number, at = varint(message, at)
        numbers.append(number)
    return numbers


def read(tile: bytes) -> tuple[str, list[Feature]]:
    """Name and features of a tile with one layer."""
    ((number, layer),) = fields(tile)
    assert number == 3
    content = list(fields(layer))
    single = {number: value for number, value in content if number in {1, 5, 15}}
    assert single[15] == 2
    assert single[5] == 4096
    keys = [value.decode() for number, value in content if number == 3]
    assert len(set(keys)) == len(keys)
    values = [_value(value) for number, value in content if number == 4]
    features = [_feature(value, keys, values) for number, value in content if number == 2]
    return single[1].decode(), features


def _value(message: bytes) -> Any:
    ((number, value),) = fields(message)
    assert number in {1, 5, 7}
    return value.decode() if number == 1 else value if number == 5 else bool(value)


def _feature(message: bytes, keys: list[str], values: list[Any]) -> Feature:
    content = dict(fields(message))
    tags = packed(content[2])
    properties = {keys[key]: values[value] for key, value in zip(tags[::2], tags[1::2], strict=True)}
    return Feature(content[1], content[3], properties, _geometry(packed(content[4])))


def _geometry(words: list[int]) -> list[list[tuple[int, int]]]:
    parts: list[list[tuple[int, int]]] = []
    x = y = at = 0
    while at < len(words):
        command, count = words[at] & 7, words[at] >> 3
        at += 1
        for _ in range(count):
            if command == 7:
                parts[-1].append(parts[-1][0])
                continue
            x += words[at] >> 1 ^ -(words[at] & 1)
            y += words[at + 1] >> 1 ^ -(words[at + 1] & 1)
            at += 2
            if command == 1:
                parts.append([])
            parts[-1].append((x, y))
    return parts
