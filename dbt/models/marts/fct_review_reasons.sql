with

parameters as (
    select as_of_date, are_review_reasons_open
    from {{ ref('stg_run_parameters') }}
),

-- A running month would tell from one day to the next who has picked what: months are told of when they are over.
reviews as (
    select
        reviews.rep_id,
        reps.team_id,
        reviews.review_reason,
        cast(date_trunc('month', reviews.review_date) as date) as month_start_date
    from {{ ref('int_reviews') }} as reviews
    cross join parameters
    left join {{ ref('int_reps') }} as reps on reviews.rep_id = reps.rep_id
    where
        reviews.review_date <= parameters.as_of_date
        and (
            parameters.are_review_reasons_open
            or {{ add_days('parameters.as_of_date', -7) }}
            >= cast(date_trunc('month', reviews.review_date) + interval '1 month' as date)
        )
),

scoped as (
    select month_start_date, 'organization' as scope_kind, '' as scope_id, rep_id, review_reason
    from reviews
    union all
    select month_start_date, 'team' as scope_kind, team_id as scope_id, rep_id, review_reason
    from reviews
    where team_id is not null
),

-- Whom a group is made of is known to everybody; of whom it may be told follows from that alone.
scopes as (
    select month_start_date, scope_kind, scope_id, count(distinct rep_id) as members
    from scoped
    group by month_start_date, scope_kind, scope_id
),

ranked as (
    select
        month_start_date,
        scope_kind,
        scope_id,
        members,
        members > {{ fewest_reps() }} as is_large,
        row_number() over (
            partition by month_start_date, scope_kind, members > {{ fewest_reps() }} order by members, scope_id
        ) as place_from_smallest,
        sum(case when scope_kind = 'organization' then members else 0 end) over (partition by month_start_date)
        - sum(case when scope_kind = 'team' and members > {{ fewest_reps() }} then members else 0 end)
            over (partition by month_start_date) as members_beside_large_teams
    from scopes
),

-- Where a few are left beside the teams told of, the smallest of these teams joins them.
told_of as (
    select
        month_start_date,
        scope_kind,
        scope_id,
        members,
        is_large and (
            scope_kind = 'organization'
            or place_from_smallest > 1
            or members_beside_large_teams not between 1 and {{ fewest_reps() }}
        ) as is_told_of
    from ranked
),

reasons as (
    {{ review_reasons() }}
),

picked as (
    select
        month_start_date,
        scope_kind,
        scope_id,
        review_reason,
        count(*) as reviews,
        count(distinct rep_id) as reps
    from scoped
    where review_reason is not null
    group by month_start_date, scope_kind, scope_id, review_reason
),

cells as (
    select
        told_of.month_start_date,
        told_of.scope_kind,
        told_of.scope_id,
        told_of.members,
        reasons.review_reason,
        coalesce(picked.reviews, 0) as reviews,
        coalesce(picked.reps, 0) as reps,
        told_of.is_told_of and coalesce(picked.reps, 0) >= {{ fewest_reps() }} as is_enough
    from told_of
    cross join reasons
    left join picked
        on
            told_of.month_start_date = picked.month_start_date
            and told_of.scope_kind = picked.scope_kind
            and told_of.scope_id = picked.scope_id
            and reasons.review_reason = picked.review_reason
),

-- The organisation less the teams shown is a group too: nothing may be told of it that is not told of others.
beside as (
    select
        month_start_date,
        review_reason,
        sum(case when scope_kind = 'organization' then reps when is_enough then -reps else 0 end) as reps_beside,
        sum(case when scope_kind = 'organization' then members when is_enough then -members else 0 end)
            as members_beside
    from cells
    group by month_start_date, review_reason
),

shown as (
    select
        cells.month_start_date,
        cells.scope_kind,
        cells.scope_id,
        cells.members,
        cells.review_reason,
        cells.reviews,
        cells.reps,
        cells.is_enough and (
            cells.scope_kind = 'organization'
            or beside.reps_beside = 0
            or (beside.reps_beside >= {{ fewest_reps() }} and beside.reps_beside < beside.members_beside)
        ) as is_shown
    from cells
    inner join beside
        on
            cells.month_start_date = beside.month_start_date
            and cells.review_reason = beside.review_reason
)

-- That all of a group picked a reason would tell it of each of them.
select
    shown.month_start_date,
    shown.scope_kind,
    shown.scope_id,
    shown.review_reason,
    cast(case when parameters.are_review_reasons_open or shown.is_shown then shown.reviews end as bigint) as reviews,
    cast(case
        when parameters.are_review_reasons_open then shown.reps
        when shown.is_shown then least(shown.reps, shown.members - 1)
    end as bigint) as reps,
    not parameters.are_review_reasons_open and not shown.is_shown as is_withheld
from shown
cross join parameters
