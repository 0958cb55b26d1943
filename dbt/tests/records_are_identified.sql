{{ everything_is_identified(
    {
        'stg_days_off': [['date_day']],
        'stg_opportunity_observation': [['fact_id']],
        'stg_organization': [['organization_id']],
        'int_touch_appointments': [['appointment_activity_id']],
        'dim_calendar': [['date_day']],
        'dim_rep': [['rep_id']],
        'dim_sales_process': [['record_type_id', 'stage_name']],
        'dim_segment': [['segment_kind', 'segment']],
        'dim_stage': [['stage_name'], ['stage_order']],
        'fct_activity': [['activity_id']],
        'fct_crm_events': [['crm_event_id']],
        'fct_opportunity': [['opportunity_id']],
        'fct_stage_spells': [['spell_id']],
        'run_parameters': [['as_of_date']]
    },
    [
        ['dim_sales_process', 'stage_name', 'dim_stage', 'stage_name'],
        ['fct_opportunity', 'rep_id', 'dim_rep', 'rep_id'],
        ['fct_opportunity', 'stage_name', 'dim_stage', 'stage_name'],
        ['fct_stage_spells', 'opportunity_id', 'fct_opportunity', 'opportunity_id']
    ]
) }}
