"""Rates travel from ``outage learn`` to the detector in one file; a wrong one is refused by field."""

from pathlib import Path

import pytest

from gridcrew.learned import FILE, RatesRefused, detection_model, write_rates
from gridcrew.settings import Settings
from telemetry.inference_model import InferenceModel
from telemetry.learned_rates import EVERY, Learned, Rate


def test_what_is_written_is_used(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    assert detection_model(settings) == InferenceModel()
    learned = Learned({EVERY: Rate(100, 999)}, {}, Rate(5, 9_999), Rate(10, 199))
    write_rates(settings.site_folder / FILE, learned)
    model = detection_model(settings)
    assert model == learned.moved(InferenceModel())
    assert model.miss == pytest.approx(0.1005)
    assert model.blocked == InferenceModel().blocked, "too few"


@pytest.mark.parametrize("text", ["miss = 3", "miss = { hits = 5, of = 2 }", "miss = { hits"])
def test_a_wrong_file_is_refused_by_name_and_field(tmp_path: Path, text: str) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    settings.site_folder.mkdir(parents=True, exist_ok=True)
    (settings.site_folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RatesRefused, match=rf"{FILE}.*(miss|Expected)"):
        detection_model(settings)
