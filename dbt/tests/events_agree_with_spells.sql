with

events as (
    select
        opportunity_id,
        count(*) filter (where event_type = 'StageChanged') as stage_changes,
        count(*) filter (where event_type = 'Won' and before_value is not null) as won_from_stay,
        count(*) filter (where event_type = 'Lost' and before_value is not null) as lost_from_stay,
        count(*) filter (where event_type in ('Won', 'Lost')) as closes,
        count(*) filter (where event_type = 'Reopened') as reopenings,
        count(*) filter (where event_type = 'Deleted') as deletions,
        count(*) filter (where event_type = 'Undeleted') as undeletions,
        count(*) filter (where event_type = 'OpportunityCreated') as creations
    from {{ ref('fct_crm_events') }}
    where activity_id is null
    group by opportunity_id
),

spells as (
    select
        opportunity_id,
        count(*) filter (where exit in ('advanced', 'skipped_ahead', 'moved_back')) as stage_changes,
        count(*) filter (where exit = 'won') as won,
        count(*) filter (where exit = 'lost') as lost
    from {{ ref('fct_stage_spells') }}
    group by opportunity_id
),

opportunities as (
    select
        opportunity_id,
        status,
        closed_at
    from {{ ref('fct_opportunity') }}
)

select opportunities.opportunity_id
from opportunities
left join events on opportunities.opportunity_id = events.opportunity_id
left join spells on opportunities.opportunity_id = spells.opportunity_id
where
    events.creations is distinct from 1
    or events.stage_changes <> coalesce(spells.stage_changes, 0)
    or events.won_from_stay <> coalesce(spells.won, 0)
    or events.lost_from_stay <> coalesce(spells.lost, 0)
    or events.closes - events.reopenings <> case when opportunities.closed_at is null then 0 else 1 end
    or events.deletions - events.undeletions <> case when opportunities.status = 'deleted' then 1 else 0 end
