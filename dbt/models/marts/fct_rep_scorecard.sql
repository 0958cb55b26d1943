with

parameters as (
    select
        as_of_date,
        as_of_end_at,
        time_zone,
        currency,
        cast(date_trunc('month', as_of_date) as date) as as_of_month
    from {{ ref('stg_run_parameters') }}
),

reps as (
    select rep_id, rep_name, team_id, team_name, is_active, time_zone
    from {{ ref('dim_rep') }}
),

closed as (
    select
        opportunities.rep_id,
        opportunities.team_id,
        cast(date_trunc('month', opportunities.closed_date) as date) as month_start_date,
        opportunities.status,
        case when opportunities.currency = parameters.currency then opportunities.amount end as amount
    from {{ ref('fct_opportunity') }} as opportunities
    cross join parameters
    where opportunities.status in ('won', 'lost')
),

closed_by_month as (
    select
        rep_id,
        month_start_date,
        count(*) filter (where status = 'won') as won,
        count(*) as closed,
        sum(amount) filter (where status = 'won') as won_amount
    from closed
    where rep_id is not null
    group by rep_id, month_start_date
),

quotas as (
    select quotas.rep_id, quotas.month_start_date, quotas.quota_amount
    from {{ ref('fct_quota') }} as quotas
    inner join parameters
        on quotas.currency = parameters.currency and quotas.month_start_date <= parameters.as_of_month
),

-- Inbound is not the rep's doing.
done as (
    select
        activities.rep_id,
        activities.activity_kind,
        activities.activity_at,
        activities.activity_date,
        activities.is_touch,
        activities.is_meeting_held,
        activities.is_first_meeting,
        parameters.time_zone as organization_time_zone,
        coalesce(reps.time_zone, parameters.time_zone) as rep_time_zone
    from {{ ref('fct_activity') }} as activities
    cross join parameters
    left join reps on activities.rep_id = reps.rep_id
    where
        activities.is_done
        and not activities.is_inbound
        and not activities.is_all_day
        and activities.activity_date <= parameters.as_of_date
        and activities.rep_id is not null
),

placed as (
    select
        rep_id,
        activity_kind,
        activity_at,
        is_touch,
        is_meeting_held,
        is_first_meeting,
        cast(date_trunc('month', activity_date) as date) as month_start_date,
        {{ local_midnight('activity_date', 'organization_time_zone') }} as midnight_at,
        {{ block_of_day('activity_at', 'rep_time_zone') }} as block
    from done
),

-- A task that has a date alone counts from its midnight and says no block.
activities as (
    select
        rep_id,
        month_start_date,
        is_touch,
        is_meeting_held,
        is_first_meeting,
        case when activity_kind = 'task' and activity_at = midnight_at then 'untimed' else block end as block
    from placed
),

activity_by_month as (
    select
        rep_id,
        month_start_date,
        count(*) filter (where is_touch) as touches,
        count(*) filter (where is_meeting_held) as meetings_held,
        count(*) filter (where is_first_meeting) as first_meetings,
        count(*) filter (where block = 'morning') as morning_activities,
        count(*) filter (where block = 'afternoon') as afternoon_activities,
        count(*) filter (where block = 'evening') as evening_activities,
        count(*) filter (where block = 'untimed') as untimed_activities
    from activities
    group by rep_id, month_start_date
),

-- What is saved together carries one instant, and the two histories of one save may differ by a second.
deal_edits as (
    select distinct
        changes.changed_by_id as rep_id,
        changes.opportunity_id,
        date_trunc('minute', changes.changed_at) as changed_minute,
        cast(date_trunc(
            'month', {{ local_date('changes.changed_at', 'parameters.time_zone') }}
        ) as date) as month_start_date
    from (
        select changed_by_id, opportunity_id, changed_at
        from {{ ref('stg_opportunity_field_history') }}
        union all
        select changed_by_id, opportunity_id, changed_at
        from {{ ref('stg_opportunity_history') }}
    ) as changes
    cross join parameters
    where changes.changed_by_id is not null and changes.changed_at < parameters.as_of_end_at
),

edits_by_month as (
    select rep_id, month_start_date, count(*) as deal_edits
    from deal_edits
    group by rep_id, month_start_date
),

entered as (
    select
        activities.rep_id,
        cast(date_trunc(
            'month', {{ local_date('activities.created_at', 'parameters.time_zone') }}
        ) as date) as month_start_date
    from {{ ref('fct_activity') }} as activities
    cross join parameters
    where not activities.is_own_write and activities.rep_id is not null
),

entered_by_month as (
    select rep_id, month_start_date, count(*) as activities_entered
    from entered
    group by rep_id, month_start_date
),

-- Our tasks as they were written, those deleted since because nobody touched them included.
cards as (
    select
        tasks.rep_id,
        {{ local_date('tasks.created_at', 'parameters.time_zone') }} as written_date,
        coalesce(activities.is_done, false) as is_done
    from {{ ref('int_own_tasks') }} as tasks
    cross join parameters
    left join {{ ref('fct_activity') }} as activities on tasks.activity_id = activities.activity_id
    where tasks.rep_id is not null and tasks.created_at < parameters.as_of_end_at
),

cards_by_month as (
    select
        rep_id,
        cast(date_trunc('month', written_date) as date) as month_start_date,
        count(*) as cards,
        count(*) filter (where is_done) as cards_done,
        count(distinct date_trunc('week', written_date)) as weeks_with_cards,
        count(distinct case when is_done then date_trunc('week', written_date) end) as weeks_acted_on
    from cards
    group by rep_id, cast(date_trunc('month', written_date) as date)
),

seen as (
    select rep_id, month_start_date from closed_by_month
    union
    select rep_id, month_start_date from quotas
    union
    select rep_id, month_start_date from activity_by_month
    union
    select rep_id, month_start_date from entered_by_month
    union
    select edits_by_month.rep_id, edits_by_month.month_start_date
    from edits_by_month
    inner join reps on edits_by_month.rep_id = reps.rep_id
    union
    select rep_id, month_start_date from cards_by_month
),

months as (
    select distinct month_start_date, month_end_date
    from {{ ref('dim_calendar') }}
),

-- Every month from a rep's first sign to now, or to the last sign of one who left.
careers as (
    select
        seen.rep_id,
        min(seen.month_start_date) as first_month,
        max(case when reps.is_active then parameters.as_of_month else seen.month_start_date end) as last_month
    from seen
    cross join parameters
    left join reps on seen.rep_id = reps.rep_id
    where seen.month_start_date <= parameters.as_of_month
    group by seen.rep_id
),

rep_months as (
    select
        careers.rep_id,
        months.month_start_date,
        months.month_end_date,
        months.month_end_date <= parameters.as_of_date as is_complete
    from careers
    cross join parameters
    inner join months on months.month_start_date between careers.first_month and careers.last_month
),

measured as (
    select
        rep_months.rep_id,
        rep_months.month_start_date,
        rep_months.month_end_date,
        rep_months.is_complete,
        quotas.quota_amount,
        coalesce(closed_by_month.won, 0) as won,
        coalesce(closed_by_month.closed, 0) as closed,
        cast(coalesce(closed_by_month.won_amount, 0) as decimal(18, 4)) as won_amount,
        cast(coalesce(closed_by_month.won_amount, 0) as double) / nullif(quotas.quota_amount, 0) as attainment
    from rep_months
    left join quotas
        on rep_months.rep_id = quotas.rep_id and rep_months.month_start_date = quotas.month_start_date
    left join closed_by_month
        on
            rep_months.rep_id = closed_by_month.rep_id
            and rep_months.month_start_date = closed_by_month.month_start_date
),

-- A month that is not over has missed nothing yet, and one without a quota neither makes nor breaks a run.
judged as (
    select
        rep_id,
        month_start_date,
        case when is_complete then attainment end as counted_attainment,
        is_complete and attainment < 1 as is_miss,
        sum(case when is_complete and attainment >= 1 then 1 else 0 end) over (
            partition by rep_id order by month_start_date
        ) as times_made_before
    from measured
),

runs as (
    select
        rep_id,
        month_start_date,
        counted_attainment,
        is_miss,
        sum(case when is_miss then 1 else 0 end) over (
            partition by rep_id, times_made_before order by month_start_date
        ) as misses_in_a_row
    from judged
),

running as (
    select
        runs.rep_id,
        runs.month_start_date,
        avg(runs.counted_attainment) over so_far as mean_attainment,
        count(runs.counted_attainment) over so_far as months_with_quota,
        count(*) filter (where runs.is_miss) over so_far as months_missed,
        max(runs.misses_in_a_row) over so_far as longest_run_of_misses,
        sum(measured.won) over last_year as won_12_months,
        sum(measured.closed) over last_year as closed_12_months
    from runs
    inner join measured on runs.rep_id = measured.rep_id and runs.month_start_date = measured.month_start_date
    window
        so_far as (partition by runs.rep_id order by runs.month_start_date),
        last_year as (
            partition by runs.rep_id order by runs.month_start_date rows between 11 preceding and current row
        )
),

peers as (
    select team_id as peer_id, month_start_date, status
    from closed
    where team_id is not null
    union all
    select '' as peer_id, month_start_date, status
    from closed
),

peer_ids as (
    select distinct peer_id
    from peers
),

rep_dates as (
    select distinct month_start_date
    from rep_months
),

peers_by_month as (
    select
        peer_id,
        month_start_date,
        count(*) filter (where status = 'won') as won,
        count(*) as closed
    from peers
    group by peer_id, month_start_date
),

peer_months as (
    select peer_ids.peer_id, rep_dates.month_start_date
    from peer_ids
    cross join rep_dates
),

-- Of a rep without a team, the organisation.
peer_rates as (
    select
        peer_months.peer_id,
        peer_months.month_start_date,
        cast(sum(peers_by_month.won) over last_year as double)
        / nullif(sum(peers_by_month.closed) over last_year, 0) as win_rate
    from peer_months
    left join peers_by_month
        on
            peer_months.peer_id = peers_by_month.peer_id
            and peer_months.month_start_date = peers_by_month.month_start_date
    window last_year as (
        partition by peer_months.peer_id order by peer_months.month_start_date rows between 11 preceding and current row
    )
),

rated as (
    select
        running.rep_id,
        running.month_start_date,
        running.mean_attainment,
        running.months_with_quota,
        running.months_missed,
        running.longest_run_of_misses,
        running.won_12_months,
        running.closed_12_months,
        cast(running.won_12_months as double) / nullif(running.closed_12_months, 0) as win_rate,
        {{ wilson_bound_95('running.won_12_months', 'running.closed_12_months', '-') }} as win_rate_lower_95,
        {{ wilson_bound_95('running.won_12_months', 'running.closed_12_months', '+') }} as win_rate_upper_95,
        peer_rates.win_rate as team_win_rate
    from running
    left join reps on running.rep_id = reps.rep_id
    left join peer_rates
        on
            coalesce(reps.team_id, '') = peer_rates.peer_id
            and running.month_start_date = peer_rates.month_start_date
)

select
    measured.rep_id,
    measured.month_start_date,
    reps.rep_name,
    reps.team_id,
    reps.team_name,
    measured.is_complete,
    measured.quota_amount,
    cast(measured.won as bigint) as won,
    measured.won_amount,
    measured.attainment,
    rated.mean_attainment,
    cast(rated.months_with_quota as bigint) as months_with_quota,
    cast(rated.months_missed as bigint) as months_missed,
    cast(rated.longest_run_of_misses as bigint) as longest_run_of_misses,
    cast(coalesce(activity_by_month.first_meetings, 0) as bigint) as first_meetings,
    cast(coalesce(activity_by_month.meetings_held, 0) as bigint) as meetings_held,
    cast(coalesce(activity_by_month.touches, 0) as bigint) as touches,
    cast(rated.won_12_months as bigint) as won_12_months,
    cast(rated.closed_12_months as bigint) as closed_12_months,
    rated.win_rate,
    case when rated.closed_12_months > 0 then rated.win_rate_lower_95 end as win_rate_lower_95,
    case when rated.closed_12_months > 0 then rated.win_rate_upper_95 end as win_rate_upper_95,
    rated.team_win_rate,
    case
        when rated.closed_12_months > 0
            then rated.team_win_rate not between rated.win_rate_lower_95 and rated.win_rate_upper_95
    end as differs_from_team,
    cast(coalesce(activity_by_month.morning_activities, 0) as bigint) as morning_activities,
    cast(coalesce(activity_by_month.afternoon_activities, 0) as bigint) as afternoon_activities,
    cast(coalesce(activity_by_month.evening_activities, 0) as bigint) as evening_activities,
    cast(coalesce(activity_by_month.untimed_activities, 0) as bigint) as untimed_activities,
    cast(coalesce(edits_by_month.deal_edits, 0) as bigint) as deal_edits,
    cast(coalesce(entered_by_month.activities_entered, 0) as bigint) as activities_entered,
    cast({{ data_entry_hours(
        'coalesce(edits_by_month.deal_edits, 0)', 'coalesce(entered_by_month.activities_entered, 0)'
    ) }} as double) as data_entry_hours,
    cast(coalesce(cards_by_month.cards, 0) as bigint) as cards,
    cast(coalesce(cards_by_month.cards_done, 0) as bigint) as cards_done,
    cast(coalesce(cards_by_month.weeks_with_cards, 0) as bigint) as weeks_with_cards,
    cast(coalesce(cards_by_month.weeks_acted_on, 0) as bigint) as weeks_acted_on,
    parameters.currency
from measured
inner join rated on measured.rep_id = rated.rep_id and measured.month_start_date = rated.month_start_date
cross join parameters
left join reps on measured.rep_id = reps.rep_id
left join activity_by_month
    on
        measured.rep_id = activity_by_month.rep_id
        and measured.month_start_date = activity_by_month.month_start_date
left join edits_by_month
    on measured.rep_id = edits_by_month.rep_id and measured.month_start_date = edits_by_month.month_start_date
left join entered_by_month
    on
        measured.rep_id = entered_by_month.rep_id
        and measured.month_start_date = entered_by_month.month_start_date
left join cards_by_month
    on measured.rep_id = cards_by_month.rep_id and measured.month_start_date = cards_by_month.month_start_date
