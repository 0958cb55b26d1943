with

dates as (
    select date_day
    from {{ ref('int_calendar_dates') }}
),

days_off as (
    select date_day, is_weekend, public_holiday_name, is_company_holiday
    from {{ ref('stg_days_off') }}
),

organizations as (
    select fiscal_year_start_month, is_fiscal_year_named_by_start
    from {{ ref('stg_organization') }}
),

periods as (
    select period_type, start_date, end_date
    from {{ ref('stg_period') }}
    where period_type in ('Year', 'Quarter')
),

weeks as (
    select
        date_day,
        cast(date_trunc('month', date_day) as date) as month_start_date,
        cast(date_trunc('quarter', date_day) as date) as quarter_start_date,
        cast(date_trunc('week', date_day) as date) as week_start_date
    from dates
),

numbered as (
    select
        date_day,
        month_start_date,
        cast(month_start_date + interval '1 month' - interval '1 day' as date) as month_end_date,
        quarter_start_date,
        cast(quarter_start_date + interval '3 months' - interval '1 day' as date) as quarter_end_date,
        week_start_date,
        {{ date_difference('week_start_date', 'date_day') }} + 1 as weekday_number
    from weeks
),

fiscal as (
    select
        coalesce(max(fiscal_year_start_month), 1) as start_month,
        coalesce(bool_or(is_fiscal_year_named_by_start), false) as is_named_by_start
    from organizations
),

-- Whole months since the fiscal year began, which also places the fiscal quarter.
months_so_far as (
    select
        weeks.date_day,
        weeks.month_start_date,
        cast((extract(month from weeks.date_day) - fiscal.start_month + 12) % 12 as integer) as fiscal_months
    from weeks
    cross join fiscal
),

standard_fiscal as (
    select
        date_day,
        cast(month_start_date - fiscal_months * interval '1 month' as date) as year_start_date,
        cast(month_start_date + (12 - fiscal_months) * interval '1 month' - interval '1 day' as date) as year_end_date,
        cast(month_start_date - (fiscal_months % 3) * interval '1 month' as date) as quarter_start_date,
        cast(month_start_date + (3 - fiscal_months % 3) * interval '1 month' - interval '1 day' as date)
            as quarter_end_date
    from months_so_far
),

-- Periods the org defines go before the start month: custom fiscal years keep no calendar months.
custom_fiscal as (
    select
        weeks.date_day,
        max(periods.start_date) filter (where periods.period_type = 'Year') as year_start_date,
        min(periods.end_date) filter (where periods.period_type = 'Year') as year_end_date,
        max(periods.start_date) filter (where periods.period_type = 'Quarter') as quarter_start_date,
        min(periods.end_date) filter (where periods.period_type = 'Quarter') as quarter_end_date
    from weeks
    inner join periods on weeks.date_day >= periods.start_date and weeks.date_day <= periods.end_date
    group by weeks.date_day
),

fiscal_dates as (
    select
        standard_fiscal.date_day,
        coalesce(custom_fiscal.year_start_date, standard_fiscal.year_start_date) as year_start_date,
        coalesce(custom_fiscal.year_end_date, standard_fiscal.year_end_date) as year_end_date,
        coalesce(custom_fiscal.quarter_start_date, standard_fiscal.quarter_start_date) as quarter_start_date,
        coalesce(custom_fiscal.quarter_end_date, standard_fiscal.quarter_end_date) as quarter_end_date
    from standard_fiscal
    left join custom_fiscal on standard_fiscal.date_day = custom_fiscal.date_day
),

business_days as (
    select
        numbered.date_day,
        min(numbered.date_day) over of_month = numbered.month_start_date
        and max(numbered.date_day) over of_month = numbered.month_end_date as is_whole_month,
        sum(case when days_off.date_day is null then 1 else 0 end) over so_far as business_day_of_month,
        sum(case when days_off.date_day is null then 1 else 0 end) over of_month as business_days_in_month
    from numbered
    left join days_off on numbered.date_day = days_off.date_day
    window
        of_month as (partition by numbered.month_start_date),
        so_far as (partition by numbered.month_start_date order by numbered.date_day)
)

select
    numbered.date_day,
    cast(extract(year from numbered.date_day) as integer) as year_number,
    cast(extract(quarter from numbered.date_day) as integer) as quarter_number,
    numbered.quarter_start_date,
    numbered.quarter_end_date,
    cast(extract(month from numbered.date_day) as integer) as month_number,
    numbered.month_start_date,
    numbered.month_end_date,
    cast((extract(month from numbered.date_day) - 1) % 3 + 1 as integer) as month_of_quarter,
    numbered.week_start_date,
    numbered.weekday_number,
    coalesce(days_off.is_weekend, false) as is_weekend,
    days_off.public_holiday_name,
    coalesce(days_off.is_company_holiday, false) as is_company_holiday,
    days_off.date_day is null as is_business_day,
    cast(case when business_days.is_whole_month then business_days.business_day_of_month end as integer)
        as business_day_of_month,
    cast(case when business_days.is_whole_month then business_days.business_days_in_month end as integer)
        as business_days_in_month,
    numbered.date_day = numbered.month_end_date as is_month_end,
    cast(extract(year from case
        when fiscal.is_named_by_start then fiscal_dates.year_start_date
        else fiscal_dates.year_end_date
    end) as integer) as fiscal_year_number,
    fiscal_dates.year_start_date as fiscal_year_start_date,
    fiscal_dates.year_end_date as fiscal_year_end_date,
    -- A quarter of thirteen weeks begins near a multiple of a quarter of a year too.
    cast(least(4, 1 + round(
        {{ date_difference('fiscal_dates.year_start_date', 'fiscal_dates.quarter_start_date') }} * 4 / 365.25
    )) as integer) as fiscal_quarter_number,
    fiscal_dates.quarter_start_date as fiscal_quarter_start_date,
    fiscal_dates.quarter_end_date as fiscal_quarter_end_date
from numbered
cross join fiscal
inner join fiscal_dates on numbered.date_day = fiscal_dates.date_day
inner join business_days on numbered.date_day = business_days.date_day
left join days_off on numbered.date_day = days_off.date_day
