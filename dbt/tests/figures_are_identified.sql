{{ everything_is_identified(
    {
        'stg_run_windows': [['window_name']],
        'int_open_deals': [['as_of_date', 'opportunity_id']],
        'int_reviews': [['review_task_id']],
        'int_scopes': [['scope_kind', 'scope_id']],
        'int_window_contents': [['unit_kind', 'series_name', 'as_of_date', 'window_name']],
        'fct_activity_conversion': [['as_of_date', 'window_name', 'scope_kind', 'scope_id', 'step']],
        'fct_bottleneck': [['as_of_date', 'window_name', 'scope_kind', 'scope_id', 'stage_name']],
        'fct_calendar_factor': [['month_of_quarter']],
        'fct_close_month_rate': [['scope_kind', 'scope_id', 'close_month']],
        'fct_conversion_rolling': [['as_of_date', 'window_name', 'scope_kind', 'scope_id', 'stage_name']],
        'fct_forecast': [['as_of_date', 'period_kind', 'scope_kind', 'scope_id']],
        'fct_hazard_choice': [['as_of_date', 'window_name', 'calendar']],
        'fct_logging_coverage': [['rep_id', 'period_kind', 'period_start_date']],
        'fct_rep_scorecard': [['rep_id', 'month_start_date']],
        'fct_rep_spread': [['as_of_date', 'window_name']],
        'fct_revenue_velocity': [['as_of_date', 'window_name', 'scope_kind', 'scope_id']],
        'fct_review_reasons': [['month_start_date', 'scope_kind', 'scope_id', 'review_reason']],
        'fct_velocity_change': [['as_of_date', 'comparison', 'window_name', 'scope_kind', 'scope_id']],
        'fct_win_ahead': [['opportunity_id', 'horizon_kind', 'horizon_date']],
        'fct_win_by_horizon': [['as_of_date', 'window_name', 'scope_kind', 'scope_id', 'horizon_days']],
        'fct_won_lost_drivers': [['feature', 'level']]
    },
    [
        ['fct_conversion_rolling', 'stage_name', 'dim_stage', 'stage_name'],
        ['fct_logging_coverage', 'rep_id', 'dim_rep', 'rep_id'],
        ['fct_win_ahead', 'opportunity_id', 'fct_opportunity', 'opportunity_id']
    ]
) }}
