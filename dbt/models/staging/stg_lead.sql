with

leads as (
    {{ state_as_of('lead', {
        'Name': 'varchar',
        'Company': 'varchar',
        'Status': 'varchar',
        'OwnerId': 'varchar',
        'LeadSource': 'varchar',
        'IsConverted': 'boolean',
        'ConvertedDate': 'date',
        'ConvertedAccountId': 'varchar',
        'ConvertedContactId': 'varchar',
        'ConvertedOpportunityId': 'varchar',
        'CreatedDate': 'timestamptz'
    }) }}
)

select
    record_id as lead_id,
    Name as lead_name,
    Company as company,
    Status as lead_status,
    OwnerId as owner_id,
    LeadSource as lead_source,
    coalesce(IsConverted, false) as is_converted,
    ConvertedDate as converted_date,
    ConvertedAccountId as converted_account_id,
    ConvertedContactId as converted_contact_id,
    ConvertedOpportunityId as converted_opportunity_id,
    CreatedDate as created_at,
    deleted_at
from leads
