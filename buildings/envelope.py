from dataclasses import dataclass
@dataclass(frozen=True)
class Range:
    low_c: float
    high_c: float
RECOMMENDED = Range(18.0, 27.0)
