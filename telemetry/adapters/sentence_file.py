"""The sentences of explanations, read once from ``telemetry/sentences.toml``."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load_sentences() -> Mapping[str, Any]:
    """Section → name → language → text."""
    text = files("telemetry").joinpath("sentences.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
