select as_of_date
from {{ ref('fct_hazard_choice') }}
group by as_of_date
having count(*) filter (where is_chosen) <> 1
