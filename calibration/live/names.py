"""Names that the measuring process and the measured programs share, apart from everything heavy to import."""

from typing import Final

REPORT_VARIABLE: Final = "SIM_CALIBRATE_FD"
START_VARIABLE: Final = "SIM_CALIBRATE_START_FD"
PACE_VARIABLE: Final = "SIM_CALIBRATE_PACE_FD"
PACING_VARIABLE: Final = "SIM_CALIBRATE_PACING"
CPU_VARIABLE: Final = "SIM_CALIBRATE_CPU"
DURATION_VARIABLE: Final = "SIM_CALIBRATE_DURATION_NS"
DIRECTORY_VARIABLE: Final = "SIM_CALIBRATE_DIRECTORY"
