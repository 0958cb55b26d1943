with

choices as (
    select
        as_of_date, month, window_name, calendar, deals, predicted, won, log_loss, months_before, log_loss_before,
        is_chosen
    from {{ ref('int_hazard_choice') }}
)

select
    as_of_date,
    month as month_start_date,
    window_name,
    calendar,
    deals,
    predicted as predicted_won,
    won,
    log_loss,
    cast(months_before as integer) as months_before,
    log_loss_before,
    is_chosen
from choices
