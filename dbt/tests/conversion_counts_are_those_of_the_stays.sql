with

windows as (
    select as_of_date, window_name, window_from_date, window_to_date
    from {{ ref('int_as_of_windows') }}
    where is_last_night
),

parameters as (
    select time_zone
    from {{ ref('run_parameters') }}
),

spells as (
    select
        spells.stage_name,
        spells.exit,
        {{ local_date('spells.entered_at', 'parameters.time_zone') }} as entered_date,
        {{ local_date('spells.left_at', 'parameters.time_zone') }} as left_date
    from {{ ref('fct_stage_spells') }} as spells
    cross join parameters
),

-- A stay is seen in the window (from, to] when it begins by its end and does not end before it.
seen as (
    select
        windows.as_of_date,
        windows.window_name,
        spells.stage_name,
        spells.entered_date > windows.window_from_date as is_entered,
        case when spells.left_date <= windows.window_to_date then spells.exit else 'open' end as exit
    from spells
    inner join windows
        on
            spells.entered_date <= windows.window_to_date
            and coalesce(spells.left_date > windows.window_from_date, true)
),

counted as (
    select
        as_of_date,
        window_name,
        stage_name,
        count(*) filter (where not is_entered) as opening,
        count(*) filter (where is_entered) as entered,
        count(*) filter (where exit in ('advanced', 'skipped_ahead')) as advanced,
        count(*) filter (where exit = 'lost') as lost,
        count(*) filter (where exit = 'moved_back') as moved_back,
        count(*) filter (where exit = 'won') as won,
        count(*) filter (where exit = 'deleted') as deleted,
        count(*) filter (where exit = 'open') as closing
    from seen
    group by as_of_date, window_name, stage_name
),

published as (
    select as_of_date, window_name, stage_name, at_risk, entered, advanced, lost, moved_back, won
    from {{ ref('fct_conversion_rolling') }}
    where scope_kind = 'organization'
)

select published.as_of_date, published.window_name, published.stage_name
from published
inner join counted
    on
        published.as_of_date = counted.as_of_date
        and published.window_name = counted.window_name
        and published.stage_name = counted.stage_name
where
    published.at_risk <> counted.opening + counted.entered
    or published.entered <> counted.entered
    or published.advanced <> counted.advanced
    or published.lost <> counted.lost
    or published.moved_back <> counted.moved_back
    or published.won <> counted.won
    or published.at_risk
    <> published.advanced + published.lost + published.moved_back + published.won + counted.deleted + counted.closing
