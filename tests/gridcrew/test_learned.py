"""What was learned travels from ``outage learn`` to the detector in two files; wrong ones are refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from gridcrew.learned import (
    CALIBRATION_FILE,
    FILE,
    RatesRefused,
    calibrated_since_ms,
    detection_model,
    write_calibration,
    write_rates,
)
from gridcrew.settings import Settings
from telemetry.calibration import Calibration
from telemetry.inference_model import InferenceModel
from telemetry.site_rates import EVERY, Faults, Learned, Rate

LEARNED = Learned({EVERY: Rate(100, 999)}, {}, Rate(5, 9_999), Rate(10, 199), {}, Faults(28, 90.0))


def test_what_is_written_is_used(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    assert detection_model(settings) == InferenceModel()
    write_rates(settings.site_folder / FILE, LEARNED)
    model = detection_model(settings)
    assert model == LEARNED.moved(InferenceModel())
    assert model.miss == pytest.approx(0.1005)
    assert model.blocked == InferenceModel().blocked, "too few"
    assert model.usual_faults == pytest.approx(30 / 31), "28 in 30 windows of three days, 2 in one more"


def test_a_file_from_before_faults_were_counted_is_read(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    write_rates(settings.site_folder / FILE, LEARNED)
    file = settings.site_folder / FILE
    rates, _, _ = file.read_text("utf-8").partition("faults")
    file.write_text(rates, "utf-8")
    assert detection_model(settings).usual_faults is None


def test_what_a_site_sets_stands_above_what_it_learned(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "detector": {"usual_faults": 7.5}})
    write_rates(settings.site_folder / FILE, LEARNED)
    assert detection_model(settings).usual_faults == 7.5


def test_a_site_s_calibration_replaces_the_shipped_one(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    own = Calibration(((0.0, 0.0), (0.9, 0.8), (1.0, 1.0)), ((0.0, 0.0), (1.0, 0.9)))
    assert calibrated_since_ms(settings) == 0
    write_calibration(settings.site_folder / CALIBRATION_FILE, own, 1_790_000_000_000)
    assert detection_model(settings) == replace(InferenceModel(), calibration=own)
    assert calibrated_since_ms(settings) == 1_790_000_000_000


@pytest.mark.parametrize("text", ["miss = 3", "miss = { hits = 5, of = 2 }", "miss = { hits"])
def test_a_wrong_file_is_refused_by_name_and_field(tmp_path: Path, text: str) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    settings.site_folder.mkdir(parents=True, exist_ok=True)
    (settings.site_folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RatesRefused, match=rf"{FILE}.*(miss|Expected)"):
        detection_model(settings)


@pytest.mark.parametrize("text", ["elements = 3", "customers = [[0.5, 0.4], [0.4, 0.5]]", "elements = ["])
def test_a_wrong_calibration_is_refused_by_name(tmp_path: Path, text: str) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    settings.site_folder.mkdir(parents=True, exist_ok=True)
    (settings.site_folder / CALIBRATION_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RatesRefused, match=rf"{CALIBRATION_FILE}"):
        detection_model(settings)
