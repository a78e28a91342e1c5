"""The one environment that Sinergym registers in its code and not from a file: as such a file would hold it.

Source: Sinergym 3.12.2, `sinergym/__init__.py`, Eplus-demo-v1.
"""

from __future__ import annotations

from typing import Any

DEMO_WEATHER = "USA_PA_Pittsburgh-Allegheny.County.AP.725205_TMY3.epw"

DEMO: dict[str, Any] = {
    "id_base": "demo",
    "building_file": "5ZoneAutoDXVAV.epJSON",
    "weather_specification": {"weather_files": [DEMO_WEATHER], "keys": ["demo"]},
    "building_config": {"timesteps_per_hour": 1, "runperiod": [1, 1, 1991, 1, 3, 1991]},
    "time_variables": ["month", "day_of_month", "hour"],
    "variables": {
        "Site Outdoor Air DryBulb Temperature": {"variable_names": "outdoor_temperature", "keys": "Environment"},
        "Zone Thermostat Heating Setpoint Temperature": {"variable_names": "htg_setpoint", "keys": "SPACE5-1"},
        "Zone Thermostat Cooling Setpoint Temperature": {"variable_names": "clg_setpoint", "keys": "SPACE5-1"},
        "Zone Air Temperature": {"variable_names": "air_temperature", "keys": "SPACE5-1"},
        "Zone Air Relative Humidity": {"variable_names": "air_humidity", "keys": "SPACE5-1"},
        "Facility Total HVAC Electricity Demand Rate": {
            "variable_names": "HVAC_electricity_demand_rate",
            "keys": "Whole Building",
        },
    },
    "meters": {},
    "actuators": {
        "HTG-SETP-SCH": {
            "variable_name": "Heating_Setpoint_RL",
            "element_type": "Schedule:Compact",
            "value_type": "Schedule Value",
        },
        "CLG-SETP-SCH": {
            "variable_name": "Cooling_Setpoint_RL",
            "element_type": "Schedule:Compact",
            "value_type": "Schedule Value",
        },
    },
    "action_space": "gym.spaces.Box(low=np.array([15.0, 22.5]), high=np.array([22.5, 30.0]))",
    "reward": "sinergym.utils.rewards:LinearReward",
    "reward_kwargs": {
        "temperature_variables": ["air_temperature"],
        "energy_variables": ["HVAC_electricity_demand_rate"],
        "range_comfort_winter": [20.0, 23.5],
        "range_comfort_summer": [23.0, 26.0],
    },
}
