with

drivers as (
    select
        as_of_date, window_months, feature, level, is_action, basis, deals, won, closed_before_landmark, won_with,
        lost_with, won_without, lost_without, odds_ratio, odds_ratio_lower_80, odds_ratio_upper_80,
        odds_ratio_lower_95, odds_ratio_upper_95, p_value, q_value, is_distinguishable, information_value,
        detectable_odds_ratio, is_suggestion, suggestion_evidence
    from {{ ref('int_won_lost_drivers') }}
)

select
    as_of_date,
    cast(as_of_date - window_months * interval '1 month' as date) as window_from_date,
    as_of_date as window_to_date,
    feature,
    level,
    is_action,
    basis,
    deals,
    won,
    cast(won as double) / deals as base_win_rate,
    closed_before_landmark,
    won_with,
    lost_with,
    won_without,
    lost_without,
    cast(won_with as double) / (won_with + lost_with) as win_rate_with,
    cast(won_without as double) / (won_without + lost_without) as win_rate_without,
    odds_ratio,
    odds_ratio_lower_80,
    odds_ratio_upper_80,
    odds_ratio_lower_95,
    odds_ratio_upper_95,
    p_value,
    q_value,
    is_distinguishable,
    information_value,
    detectable_odds_ratio,
    is_suggestion,
    suggestion_evidence
from drivers
