with

opportunity_stages as (
    {{ last_state('opportunity_stage', {
        'ApiName': 'varchar',
        'MasterLabel': 'varchar',
        'SortOrder': 'bigint',
        'IsActive': 'boolean',
        'IsClosed': 'boolean',
        'IsWon': 'boolean',
        'DefaultProbability': 'double'
    }) }}
)

select
    record_id as opportunity_stage_id,
    coalesce(ApiName, MasterLabel) as stage_name,
    SortOrder as stage_sort_order,
    coalesce(IsActive, true) as is_active,
    coalesce(IsClosed, false) as is_closed,
    coalesce(IsWon, false) as is_won,
    DefaultProbability as default_probability
from opportunity_stages
