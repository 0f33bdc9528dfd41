"""Logs: one object a line where wished, and never a person's number."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcrew.logging_setup import JsonLines, TextLines, set_up_logging
from gridcrew.settings import LogSettings
from telemetry.masking import masked

PHONE = re.compile(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])")
IDENTITY = re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])")


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream, logger = io.StringIO(), logging.Logger("test.logger")
    yield logger, stream


def line(logger: logging.Logger, stream: io.StringIO, formatter: logging.Formatter) -> str:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger.handlers = [handler]
    try:
        int("customer 13912345678")
    except ValueError:
        logger.exception("call of %s", "13812345678", extra={"terminal": "T1"})
    return stream.getvalue()


def test_json_lines_name_what_they_are_about(written: tuple[logging.Logger, io.StringIO]) -> None:
    told = json.loads(line(*written, JsonLines()))
    assert (told["level"], told["logger"], told["message"]) == ("error", "test.logger", "call of 138****5678")
    assert told["terminal"] == "T1"
    assert "'customer 139****5678'" in told["error"]
    assert told["time"].endswith("Z")


def test_text_lines_are_masked_too(written: tuple[logging.Logger, io.StringIO]) -> None:
    text = line(*written, TextLines("%(levelname)s %(name)s: %(message)s"))
    assert text.startswith("ERROR test.logger: call of 138****5678\nTraceback")
    assert not PHONE.search(text)


@pytest.mark.parametrize(
    "kept", ["1795300000000", "3340001000010000000017", "13812345678901", "M13812345678", "1.3812345678"]
)
def test_other_numbers_stay(kept: str) -> None:
    assert masked(kept) == kept


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
            st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True),
            st.text(max_size=8),
        ),
        max_size=6,
    )
)
def test_no_number_of_a_person_survives(parts: list[str]) -> None:
    text = masked(" ".join(parts))
    assert not PHONE.search(text)
    assert not IDENTITY.search(text)


def test_the_settings_choose(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.root.handlers, logging.root.level
    try:
        set_up_logging(LogSettings(format="json", level="warning"))
        logging.getLogger("a").info("unseen")
        logging.getLogger("a").warning("seen")
    finally:
        logging.root.handlers, logging.root.level = list(before[0]), before[1]
    assert [json.loads(text)["message"] for text in capsys.readouterr().err.splitlines()] == ["seen"]
