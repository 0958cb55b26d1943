with

accounts as (
    {{ state_as_of('account', {
        'Name': 'varchar',
        'OwnerId': 'varchar',
        'Industry': 'varchar',
        'Type': 'varchar',
        'NumberOfEmployees': 'bigint',
        'CreatedDate': 'timestamptz'
    }) }}
)

select
    record_id as account_id,
    Name as account_name,
    OwnerId as owner_id,
    Industry as industry,
    Type as account_type,
    NumberOfEmployees as number_of_employees,
    CreatedDate as created_at,
    deleted_at
from accounts
