with

opportunity_contact_roles as (
    {{ state_as_of('opportunity_contact_role', {
        'OpportunityId': 'varchar',
        'ContactId': 'varchar',
        'Role': 'varchar',
        'IsPrimary': 'boolean',
        'CreatedDate': 'timestamptz'
    }) }}
)

select
    record_id as opportunity_contact_role_id,
    OpportunityId as opportunity_id,
    ContactId as contact_id,
    Role as contact_role,
    coalesce(IsPrimary, false) as is_primary,
    coalesce(CreatedDate, occurred_at) as created_at,
    deleted_at
from opportunity_contact_roles
