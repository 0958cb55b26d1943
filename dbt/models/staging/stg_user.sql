with

users as (
    {{ state_as_of('user', {
        'Name': 'varchar',
        'Email': 'varchar',
        'IsActive': 'boolean',
        'UserRoleId': 'varchar',
        'ManagerId': 'varchar',
        'LanguageLocaleKey': 'varchar',
        'TimeZoneSidKey': 'varchar',
        'CreatedDate': 'timestamptz'
    }) }}
)

select
    record_id as user_id,
    Name as user_name,
    Email as email,
    IsActive as is_active,
    UserRoleId as user_role_id,
    ManagerId as manager_id,
    LanguageLocaleKey as language_locale,
    TimeZoneSidKey as time_zone,
    CreatedDate as created_at
from users
