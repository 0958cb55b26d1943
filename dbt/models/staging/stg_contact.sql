{{ config(materialized='incremental', unique_key='contact_id') }}

with

contacts as (
    {{ state_as_of('contact', {
        'Name': 'varchar',
        'FirstName': 'varchar',
        'LastName': 'varchar',
        'AccountId': 'varchar',
        'Title': 'varchar',
        'Email': 'varchar',
        'CreatedDate': 'timestamptz'
    }, changed_only=true) }}
)

select
    record_id as contact_id,
    coalesce(Name, nullif(concat_ws(' ', FirstName, LastName), '')) as contact_name,
    AccountId as account_id,
    Title as title,
    CreatedDate as created_at,
    deleted_at
from contacts
