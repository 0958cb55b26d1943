"""What an organisation is made of: every true parameter the generator uses, with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

DEAL_TYPES = ("New Business", "Upsell", "Renewal")
ACTION_TYPES = (
    "widen_the_contacts",
    "reach_the_decision_maker",
    "book_the_next_meeting",
    "break_the_silence",
    "follow_up_the_proposal",
    "understand_the_problem",
)


@dataclass(frozen=True)
class StageSpec:
    """True hazards out of one open stage, per business day at full strength.

    `rep_spread` is the standard deviation between reps of the log of the forward hazard.
    `ramp_days` and `fade_days` shape the forward hazard by age in stage in calendar days.
    """

    name: str
    probability: float
    forecast_category: str
    forward_per_day: float
    lost_per_day: float
    back_per_day: float = 0.0
    skip_per_day: float = 0.0
    ramp_days: float = 4.0
    fade_days: float = 60.0
    rep_spread: float = 0.08


@dataclass(frozen=True)
class SegmentSpec:
    """A size band of accounts: share of deals, median price, spread of log price, effect on log forward hazard."""

    name: str
    share: float
    median_price: float
    price_spread: float
    effect: float
    employees: tuple[int, int]


DEFAULT_STAGES = (
    StageSpec("Prospecting", 10.0, "Pipeline", 0.085, 0.020, skip_per_day=0.003, ramp_days=3.0),
    StageSpec("Qualification", 20.0, "Pipeline", 0.120, 0.028, 0.004, 0.004),
    StageSpec("Needs Analysis", 40.0, "Pipeline", 0.050, 0.034, 0.004, 0.002, rep_spread=0.45),
    StageSpec("Proposal", 60.0, "BestCase", 0.105, 0.026, 0.006),
    StageSpec("Negotiation", 80.0, "Forecast", 0.120, 0.022, 0.006),
)
DEFAULT_SEGMENTS = (
    SegmentSpec("Small", 0.50, 500_000.0, 0.45, 0.10, (10, 99)),
    SegmentSpec("Midsize", 0.35, 1_200_000.0, 0.50, 0.00, (100, 999)),
    SegmentSpec("Enterprise", 0.15, 3_500_000.0, 0.55, -0.20, (1000, 20000)),
)


@dataclass(frozen=True)
class OrganizationSpec:
    """Every true parameter of a generated organisation.

    `now` is the frozen clock (an aware instant); nothing that became known later is generated. `months` counts whole
    months before the month of `now`, unless `start_date` pins the first day of history.
    """

    seed: int = 20261015
    name: str = "青空ソリューションズ株式会社"
    now: datetime = datetime(2026, 10, 14, 20, 0, tzinfo=UTC)
    months: int = 18
    start_date: date | None = None
    time_zone: str = "Asia/Tokyo"
    country: str = "JP"
    currency: str = "JPY"
    amount_step: int = 10_000
    fiscal_year_start_month: int = 4
    reps: int = 12
    teams: int = 2
    former_reps: int = 1
    inside_sales_reps: int = 0
    late_joiners: int = 1
    japanese_share: float = 0.67
    opportunities_per_rep_month: float = 17.0
    monthly_growth: float = 0.015
    accounts_per_rep: int = 40
    new_accounts_per_rep_month: float = 1.0
    leads_per_rep_month: float = 6.0
    stages: tuple[StageSpec, ...] = DEFAULT_STAGES
    segments: tuple[SegmentSpec, ...] = DEFAULT_SEGMENTS
    win_factor_by_month_of_quarter: tuple[float, float, float] = (0.70, 0.90, 1.60)
    loss_factor_by_month_of_quarter: tuple[float, float, float] = (0.85, 0.95, 1.25)
    words_effect: tuple[float, float, float, float] = (-0.20, 0.0, 0.10, 0.25)
    words_shares: tuple[float, float, float, float] = (0.40, 0.25, 0.20, 0.15)
    neglected_share: float = 0.05
    existing_customer_share: float = 0.30
    type_effects: tuple[float, float, float] = (0.0, 0.10, 0.25)
    touch_to_appointment: float = 0.30
    appointment_to_meeting: float = 0.65
    activity_rate_spread: float = 0.20
    later_touches_per_day: float = 0.07
    inbound_per_day: float = 0.05
    later_meetings_per_day: float = 0.045
    quiet_reps: int = 1
    quiet_logging_share: float = 0.12
    quota_attainment: float = 0.80
    quotas_missing_reps: int = 0
    mess: float = 1.0
    benchmark_stage: str | None = None
    action_effects: Mapping[str, float] = field(default_factory=dict, hash=False)
    action_rate_per_day: float = 0.02

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated; raises ValueError."""
        unknown = set(self.action_effects) - set(ACTION_TYPES)
        if unknown:
            raise ValueError(f"unknown action types {sorted(unknown)}; known: {', '.join(ACTION_TYPES)}")
        if self.now.tzinfo is None:
            raise ValueError("now must carry a time zone")
        if not 1 <= self.teams <= self.reps <= 4000:
            raise ValueError("reps must be 1 to 4000 and teams at most the number of reps")
        if self.benchmark_stage is not None and self.benchmark_stage not in self.stage_names:
            raise ValueError(f"no open stage named {self.benchmark_stage!r}")

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Open stages in order."""
        return tuple(stage.name for stage in self.stages)

    @property
    def local_today(self) -> date:
        """The calendar day of `now` in the organisation's zone (it is not complete yet)."""
        return self.now.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def first_date(self) -> date:
        """First day of history."""
        if self.start_date is not None:
            return self.start_date
        months = self.local_today.year * 12 + self.local_today.month - 1 - self.months
        return date(months // 12, months % 12 + 1, 1)

    @property
    def sellers(self) -> int:
        """Number of users who ever own opportunities: active reps, then former ones."""
        return self.reps + self.former_reps

    @property
    def planted_bottleneck(self) -> str:
        """The stage where reps differ most: the one whose benchmark promises most."""
        return max(self.stages, key=lambda stage: stage.rep_spread).name

    def until(self, now: datetime) -> OrganizationSpec:
        """The same organisation seen at another instant: history keeps its first day."""
        return replace(self, now=now, start_date=self.first_date)

    def with_stage(self, name: str, **changes: float) -> OrganizationSpec:
        """The same organisation with one stage's hazards changed; every other draw stays as it was."""
        if name not in self.stage_names:
            raise ValueError(f"no open stage named {name!r}")
        stages = tuple(replace(stage, **changes) if stage.name == name else stage for stage in self.stages)  # type: ignore[arg-type]
        return replace(self, stages=stages)
