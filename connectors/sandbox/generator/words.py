"""Names and picklists of the generated organisation, Japanese and English."""

from __future__ import annotations

JAPANESE_LAST_NAMES = (
    "佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田", "佐々木", "山口",
    "松本", "井上", "木村", "林", "斎藤", "清水", "髙橋", "齋藤", "森", "池田", "橋本", "阿部", "石川", "前田",
)  # fmt: skip
JAPANESE_FIRST_NAMES = (
    "翔太", "美咲", "大輔", "陽子", "健一", "さくら", "拓也", "優子", "直樹", "香織", "誠", "麻衣", "浩二", "彩",
    "亮", "恵", "隆", "由美", "修", "千尋",
)  # fmt: skip
ENGLISH_LAST_NAMES = (
    "Smith", "Johnson", "Brown", "Taylor", "Miller", "Wilson", "Moore", "Clark", "Lewis", "Walker", "Hall", "Young",
    "O'Brien", "Müller", "García", "Nguyen",
)  # fmt: skip
ENGLISH_FIRST_NAMES = (
    "Emma", "Liam", "Olivia", "Noah", "Ava", "James", "Sophia", "Lucas", "Mia", "Henry", "Chloé", "Daniel", "Grace",
    "Alex",
)  # fmt: skip
COMPANY_STEMS = (
    "青葉", "東都", "北斗", "みなと", "三ツ星", "富士見", "大和田", "桜井", "光陽", "瑞穂", "南海", "中央", "新光",
    "日の出", "あさひ", "明治町", "銀河", "緑が丘", "若葉", "白鳥", "Aozora", "Kita", "Blue River", "Maple", "Summit",
    "Harbor", "Northwind", "Cedar", "Orbit", "Pioneer",
)  # fmt: skip
COMPANY_FIELDS = (
    ("製作所", "Works", "Manufacturing"), ("物流", "Logistics", "Transportation"), ("商事", "Trading", "Retail"),
    ("電機", "Electric", "Electronics"), ("食品", "Foods", "Food & Beverage"), ("建設", "Construction", "Construction"),
    ("システム", "Systems", "Technology"), ("薬品", "Pharma", "Biotechnology"), ("不動産", "Estates", "Consulting"),
    ("銀行", "Finance", "Banking"), ("学園", "Academy", "Education"), ("病院", "Clinic", "Healthcare"),
)  # fmt: skip
PREFECTURES = ("東京都", "大阪府", "愛知県", "福岡県", "北海道", "神奈川県", "京都府", "宮城県")
CITIES = (
    "千代田区",
    "大阪市北区",
    "名古屋市中区",
    "福岡市博多区",
    "札幌市中央区",
    "横浜市西区",
    "京都市下京区",
    "仙台市青葉区",
)
PRODUCTS = (
    "在庫管理クラウド",
    "勤怠管理",
    "受発注システム",
    "Analytics Suite",
    "電子契約",
    "Helpdesk",
    "経費精算",
    "Field Service",
)
TITLES = (
    "担当",
    "主任",
    "課長",
    "部長",
    "執行役員",
    "代表取締役社長",
    "Manager",
    "Director",
    "VP Operations",
    "CEO",
)
TITLE_SHARES = (0.22, 0.14, 0.18, 0.14, 0.05, 0.05, 0.10, 0.06, 0.03, 0.03)
DECISION_MAKER_TITLES = ("部長", "執行役員", "代表取締役社長", "Director", "VP Operations", "CEO")
DEPARTMENTS = ("情報システム部", "総務部", "営業部", "経理部", "製造部", "Operations", "IT")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
LEAD_SOURCE_SHARES = (0.38, 0.17, 0.18, 0.17, 0.10)
TEAM_NAMES = ("東日本営業部", "西日本営業部", "Global Accounts", "公共営業部", "中部営業部", "Channel Sales")
NEXT_STEPS = (
    "見積提出",
    "デモ実施",
    "Send quote",
    "決裁者と面談",
    "Follow up next week",
    "導入事例を送付",
    "契約書確認",
    "",
)
