"""A site's folder of TOML files, changed while it is watched."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from gateway.adapters.site_files import SiteFiles
from gateway.site_toml import MAX_SITE_FILE_BYTES, SiteFileRefused, read_toml


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scale: Decimal
    name: str = ""


class Things(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    thing: tuple[Thing, ...] = ()


def _watch(folder: Path) -> SiteFiles[Things]:
    return SiteFiles(folder, lambda _, text: read_toml(text, Things))


def _write(file: Path, text: str) -> None:
    """As an editor does, and certainly with another time."""
    draft = file.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def test_fractions_stay_decimal() -> None:
    assert read_toml("[[thing]]\nscale = 0.1", Things).thing[0].scale == Decimal("0.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[thing]]\nscale = 'x'", "thing[0].scale: "),
        (
            "[[thing]]\nscale = 1\nnaem = 'a'",
            "thing[0]: object contains unknown field `naem`; did you mean `name`?",
        ),
        ("[[thing]]\nname = 'a'", "thing[0]: object missing required field `scale`"),
        ("[[thing", "not TOML: "),
        ("thing = 5", "thing: expected `array`, got `int`"),
    ],
)
def test_a_wrong_file_is_refused_with_field_and_expectation(text: str, said: str) -> None:
    with pytest.raises(SiteFileRefused) as refused:
        read_toml(text, Things)
    assert str(refused.value).startswith(said)


def test_files_come_change_and_go(tmp_path: Path) -> None:
    files = _watch(tmp_path / "later")
    assert not files.poll()
    (tmp_path / "later").mkdir()
    file = tmp_path / "later" / "a.toml"
    _write(file, "[[thing]]\nscale = 1")
    assert list(files.poll().added) == ["a"]
    assert not files.poll()
    _write(file, "[[thing]]\nscale = 2")
    assert files.poll().changed["a"].thing[0].scale == 2
    file.unlink()
    assert files.poll().removed == ("a",)
    assert not files.current


def test_the_last_good_version_stays_in_force_and_the_reason_is_told_once(tmp_path: Path) -> None:
    files = _watch(tmp_path)
    _write(tmp_path / "a.toml", "[[thing]]\nscale = 1")
    _write(tmp_path / "b.toml", "[[thing]]\nscale = 1")
    files.poll()
    _write(tmp_path / "a.toml", "[[thing]]\nscale = 'much'")
    changes = files.poll()
    assert "a.toml: thing[0].scale:" in changes.refused["a"]
    assert not files.poll()
    assert set(files.current) == {"a", "b"}
    assert files.current["a"].thing[0].scale == 1
    _write(tmp_path / "a.toml", "[[thing]]\nscale = 3")
    assert files.poll().changed["a"].thing[0].scale == 3
    assert not files.refused


def test_huge_unreadable_and_foreign_files_harm_nobody(tmp_path: Path) -> None:
    (tmp_path / "huge.toml").write_bytes(b"#" * (MAX_SITE_FILE_BYTES + 1))
    (tmp_path / "gbk.toml").write_bytes("name = '台区'".encode("gbk"))
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("[[", encoding="utf-8")
    (tmp_path / "dangling.toml").symlink_to(tmp_path / "nowhere")
    _write(tmp_path / "good.toml", "[[thing]]\nscale = 1")
    changes = _watch(tmp_path).poll()
    assert set(changes.added) == {"good"}
    assert set(changes.refused) == {"huge", "gbk", "folder", "deep"}
