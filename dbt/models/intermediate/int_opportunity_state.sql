{{ config(materialized='view') }}

with

parameters as (
    select as_of_date, as_of_end_at, currency
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select
        opportunity_id, opportunity_name, account_id, owner_id, amount, crm_probability, close_date, deal_type,
        next_step, lead_source, push_count, currency, is_reconstructed, deleted_at
    from {{ ref('stg_opportunity') }}
),

bounds as (
    select opportunity_id, created_at, has_history_after
    from {{ ref('int_opportunity_bounds') }}
),

history as (
    select
        opportunity_id,
        amount,
        crm_probability,
        close_date,
        changed_at,
        row_number() over (partition by opportunity_id order by changed_at, landing_sequence) as history_number,
        lag(close_date) over (partition by opportunity_id order by changed_at, landing_sequence) as previous_close_date
    from {{ ref('stg_opportunity_history') }}
),

history_values as (
    select
        history.opportunity_id,
        max_by(history.amount, history.history_number) as amount,
        max_by(history.crm_probability, history.history_number) as crm_probability,
        max_by(history.close_date, history.history_number) as close_date,
        count(history.close_date) as close_dates,
        count(*) filter (where history.close_date > history.previous_close_date) as close_date_pushes
    from history
    cross join parameters
    where history.changed_at < parameters.as_of_end_at
    group by history.opportunity_id
),

owners as (
    select opportunity_id, owner_id
    from {{ ref('int_opportunity_owners') }}
    where owned_to_at is null
)

select
    opportunities.opportunity_id,
    opportunities.opportunity_name,
    opportunities.account_id,
    coalesce(owners.owner_id, opportunities.owner_id) as rep_id,
    case
        when opportunities.is_reconstructed then coalesce(history_values.amount, opportunities.amount)
        else opportunities.amount
    end as amount,
    case
        when opportunities.is_reconstructed then coalesce(history_values.crm_probability, opportunities.crm_probability)
        else opportunities.crm_probability
    end as crm_probability,
    case
        when opportunities.is_reconstructed then coalesce(history_values.close_date, opportunities.close_date)
        else opportunities.close_date
    end as close_date,
    coalesce(opportunities.currency, parameters.currency) as currency,
    opportunities.deal_type,
    opportunities.lead_source,
    opportunities.next_step,
    cast(case
        when history_values.close_dates > 0 then history_values.close_date_pushes
        else coalesce(opportunities.push_count, 0)
    end as integer) as close_date_pushes,
    opportunities.deleted_at,
    bounds.created_at,
    case
        when opportunities.is_reconstructed or bounds.has_history_after then 'reconstructed'
        else 'observed'
    end as basis
from opportunities
inner join bounds on opportunities.opportunity_id = bounds.opportunity_id
cross join parameters
left join history_values on opportunities.opportunity_id = history_values.opportunity_id
left join owners on opportunities.opportunity_id = owners.opportunity_id
