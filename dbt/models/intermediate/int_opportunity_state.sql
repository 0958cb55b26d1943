{{ config(materialized='view') }}

with

parameters as (
    select as_of_date, as_of_end_at, currency
    from {{ ref('stg_run_parameters') }}
),

opportunities as (
    select
        opportunity_id, opportunity_name, account_id, owner_id, amount, crm_probability, close_date, deal_type,
        next_step, lead_source, push_count, currency, forecast_category, is_reconstructed, deleted_at
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
        forecast_category,
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
        max_by(history.forecast_category, history.history_number) as forecast_category,
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
),

states as (
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
            when opportunities.is_reconstructed
                then coalesce(history_values.crm_probability, opportunities.crm_probability)
            else opportunities.crm_probability
        end as crm_probability,
        case
            when opportunities.is_reconstructed
                then coalesce(history_values.forecast_category, opportunities.forecast_category)
            else opportunities.forecast_category
        end as forecast_category,
        case
            when opportunities.is_reconstructed then coalesce(history_values.close_date, opportunities.close_date)
            else opportunities.close_date
        end as close_date,
        coalesce(opportunities.currency, parameters.currency) as currency,
        parameters.currency as wanted_currency,
        parameters.as_of_date,
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
),

currencies_in_use as (
    select count(distinct currency) as currencies
    from states
),

rates as (
    select currency, valid_from_date, valid_to_date, units_per_corporate_unit
    from {{ ref('int_conversion_rates') }}
)

select
    states.opportunity_id,
    states.opportunity_name,
    states.account_id,
    states.rep_id,
    {{ converted(
        'states.amount', 'states.currency', 'states.wanted_currency', 'own_rates.units_per_corporate_unit',
        'wanted_rates.units_per_corporate_unit', 'currencies_in_use.currencies'
    ) }} as amount,
    states.amount as original_amount,
    states.crm_probability,
    states.forecast_category,
    states.close_date,
    {{ converted_currency(
        'states.currency', 'states.wanted_currency', 'own_rates.units_per_corporate_unit',
        'wanted_rates.units_per_corporate_unit', 'currencies_in_use.currencies'
    ) }} as currency,
    states.currency as original_currency,
    states.deal_type,
    states.lead_source,
    states.next_step,
    states.close_date_pushes,
    states.deleted_at,
    states.created_at,
    states.basis
from states
cross join currencies_in_use
left join rates as own_rates
    on {{ rate_holds('own_rates', 'states.currency', 'coalesce(states.close_date, states.as_of_date)') }}
left join rates as wanted_rates
    on {{ rate_holds('wanted_rates', 'states.wanted_currency', 'coalesce(states.close_date, states.as_of_date)') }}
