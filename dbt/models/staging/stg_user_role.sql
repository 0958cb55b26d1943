with

user_roles as (
    {{ state_as_of('user_role', {
        'Name': 'varchar',
        'ParentRoleId': 'varchar'
    }) }}
)

select
    record_id as user_role_id,
    Name as role_name,
    ParentRoleId as parent_role_id
from user_roles
