"""Weather that differs: what it is asked to vary varies, and stays physical."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from airhandler.buildings.epw import COLUMNS, Epw, column_index, read_epw
from airhandler.buildings.psychrometrics import dew_points_c, relative_humidities_frac
from airhandler.buildings.variability import VARIED, ColumnNoise, _varied, add_noise, sky_radiation_ratio, vary
from airhandler.buildings.weather import find_weather

DRY, DEW, HUMIDITY = "Dry Bulb Temperature", "Dew Point Temperature", "Relative Humidity"
SUN = ("Global Horizontal Radiation", "Direct Normal Radiation", "Diffuse Horizontal Radiation")
STRONG = {
    "outdoor_air_temp_c": ColumnNoise(sigma=4.0),
    "outdoor_dew_point_temp_c": ColumnNoise(sigma=4.0),
    "outdoor_pressure_pa": ColumnNoise(sigma=500.0),
    "infrared_radiation_w_per_m2": ColumnNoise(sigma=10.0),
    "wind_speed_m_s": ColumnNoise(sigma=3.0),
    "solar_frac": ColumnNoise(sigma=0.6),
}


def chicago() -> Epw:
    return read_epw(find_weather("chicago").path)


def noisy(noise: dict[str, ColumnNoise], seed: int = 0, draw: int = 0) -> Epw:
    epw = chicago()
    add_noise(epw, noise, seed, draw, "chicago")
    return epw


def test_strong_noise_stays_physical() -> None:
    before, after = chicago(), noisy(STRONG)
    assert (after[DEW] <= after[DRY]).all()
    assert ((after[HUMIDITY] > 0) & (after[HUMIDITY] <= 100)).all()
    assert after[HUMIDITY] == pytest.approx(100 * relative_humidities_frac(after[DRY], after[DEW]), abs=0.01)
    assert (after["Wind Speed"] >= 0).all()
    night = before[SUN[0]] == 0
    for column in SUN:
        assert (after[column] >= 0).all()
        assert (after[column][night & (before[column] == 0)] == 0).all()
    outside = before["Extraterrestrial Horizontal Radiation"]
    assert (after[SUN[0]] <= np.maximum(outside, before[SUN[0]]) + 0.001).all()


def test_sun_and_sky_are_varied_by_one_factor() -> None:
    before, after = chicago(), noisy({"solar_frac": ColumnNoise(sigma=0.3)})
    lit = np.min([before[c] for c in SUN], axis=0) > 20
    ratios = [after[c][lit] / before[c][lit] for c in SUN]
    assert ratios[0] == pytest.approx(ratios[1], abs=1e-4)
    assert ratios[0] == pytest.approx(ratios[2], abs=1e-4)
    assert ratios[0].std() > 0.1


def test_noise_has_the_spread_the_shift_and_the_memory_that_were_asked_for() -> None:
    runs = [
        noisy({"outdoor_air_temp_c": ColumnNoise(sigma=2.0, tau_h=10.0, shift=1.5)}, draw=i)[DRY] - chicago()[DRY]
        for i in range(2)
    ]
    for added in runs:
        assert added.mean() == pytest.approx(1.5, abs=0.4)
        assert added.std() == pytest.approx(2.0, rel=0.1)
        centred = added - added.mean()
        assert float(np.mean(centred[:-10] * centred[10:]) / np.var(added)) == pytest.approx(np.exp(-1.0), abs=0.1)
    assert abs(np.corrcoef(runs)[0, 1]) < 0.15


def test_a_column_is_the_same_whatever_else_is_varied() -> None:
    alone, among = noisy({"wind_speed_m_s": STRONG["wind_speed_m_s"]}), noisy(STRONG)
    assert alone["Wind Speed"].tolist() == among["Wind Speed"].tolist()
    assert alone["Wind Speed"].tolist() != noisy(STRONG, seed=1)["Wind Speed"].tolist()


@pytest.mark.parametrize("name", VARIED)
def test_only_what_follows_from_a_quantity_changes_with_it(name: str) -> None:
    follows = {DRY, DEW, HUMIDITY, "Horizontal Infrared Radiation Intensity"}
    own = {
        "outdoor_pressure_pa": {"Atmospheric Station Pressure"},
        "infrared_radiation_w_per_m2": {"Horizontal Infrared Radiation Intensity"},
        "wind_speed_m_s": {"Wind Speed"},
        "solar_frac": set(SUN),
    }
    sigma = {"outdoor_pressure_pa": 300.0, "solar_frac": 0.2}.get(name, 2.0)
    before, after = chicago(), noisy({name: ColumnNoise(sigma=sigma)})
    changed = {
        column
        for column in COLUMNS
        if [r[column_index(column)] for r in before.rows] != [r[column_index(column)] for r in after.rows]
    }
    assert changed <= own.get(name, follows)
    assert changed


def test_humidity_that_is_varied_moves_the_dew_point_and_not_the_dry_bulb() -> None:
    before, after = chicago(), noisy({"outdoor_humidity_percent": ColumnNoise(sigma=10.0)})
    assert after[DRY] == pytest.approx(before[DRY])
    assert np.std(after[DEW] - before[DEW]) > 1.0
    assert (after[DEW] <= after[DRY]).all()


def test_a_missing_value_stays_missing() -> None:
    epw = chicago()
    epw.rows[5][column_index("Wind Speed")] = "999"
    add_noise(epw, {"wind_speed_m_s": ColumnNoise(sigma=1.0)}, 0, 0, "chicago")
    assert epw.rows[5][column_index("Wind Speed")] == "999"
    assert np.flatnonzero(np.isnan(epw["Wind Speed"])).tolist() == [5]


def test_dew_point_and_humidity_are_each_others_inverse() -> None:
    dry = np.linspace(-30, 45, 40)
    dew = dry - np.linspace(0, 25, 40)
    assert dew_points_c(dry, relative_humidities_frac(dry, dew)) == pytest.approx(dew, abs=0.01)


def test_relative_humidity_is_that_of_the_published_table() -> None:
    """Source: ASHRAE Handbook Fundamentals 2017, chapter 1, table 3: 2.3392 kPa at 20 degC, 4.2467 kPa at 30 degC."""
    assert relative_humidities_frac(np.array([30.0]), np.array([20.0])) == pytest.approx(2.3392 / 4.2467, rel=2e-3)


def test_the_sky_radiates_more_when_it_is_warmer_or_moister() -> None:
    c, dew = np.array([10.0]), np.array([5.0])
    assert sky_radiation_ratio(c, dew, c, dew) == pytest.approx(1.0)
    assert sky_radiation_ratio(c, dew, c + 1, dew) == pytest.approx((284.15 / 283.15) ** 4)
    assert sky_radiation_ratio(c, dew, c, dew + 1) > 1.0


def test_a_varied_weather_has_its_own_name_and_file_and_the_design_days_of_the_first() -> None:
    weather, noise = find_weather("chicago"), {"outdoor_air_temp_c": ColumnNoise(sigma=2.0)}
    varied = vary(weather, noise, seed=0, draw=3)
    assert varied.name == "chicago+noise3"
    assert varied.design_days == weather.design_days
    assert varied.dry_bulb_c.tolist() == read_epw(varied.path)[DRY].tolist() != weather.dry_bulb_c.tolist()
    again = find_weather(str(varied.path))  # as another process finds it
    assert again.design_days == weather.design_days
    assert vary(weather, noise, seed=0, draw=3) is varied
    assert vary(weather, noise, seed=0, draw=4).path != varied.path
    assert vary(weather, {}, seed=0, draw=3) is weather


def test_a_varied_file_stays_while_its_weather_is_held_and_goes_with_it(tmp_path: Path) -> None:
    source, noise = tmp_path / "mine.epw", {"outdoor_air_temp_c": ColumnNoise(sigma=2.0)}
    source.write_bytes(find_weather("chicago").path.read_bytes())
    mine = find_weather(str(source))
    varied = vary(mine, noise, seed=0, draw=5)
    path = varied.path
    _varied.cache_clear()
    assert vary(mine, noise, seed=0, draw=5) is varied
    _varied.cache_clear()
    del varied
    gc.collect()
    assert not path.exists()
    again = vary(mine, noise, seed=0, draw=5)
    assert (again.path, again.path.exists()) == (path, True)


def test_epw_without_changes_is_written_as_it_was(tmp_path: Path) -> None:
    path = find_weather("chicago").path
    chicago().write(tmp_path / "same.epw")
    assert (tmp_path / "same.epw").read_text(encoding="latin-1").splitlines() == path.read_text(
        encoding="latin-1"
    ).splitlines()
