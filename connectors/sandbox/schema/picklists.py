"""Picklist values and opportunity stages of a new org."""

from __future__ import annotations

from collections.abc import Mapping

PICKLISTS: Mapping[str, tuple[str, ...]] = {
    "LeadSource": ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
    "LeadStatus": (
        "Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted",
    ),
    "OpportunityType": ("New Business", "Existing Business"),
    "ForecastCategory": ("Omitted", "Pipeline", "BestCase", "MostLikely", "Forecast", "Closed"),
    "ForecastCategoryName": ("Omitted", "Pipeline", "Best Case", "Most Likely", "Commit", "Closed"),
    "ContactRole": (
        "Business User", "Decision Maker", "Economic Buyer", "Economic Decision Maker", "Evaluator",
        "Executive Sponsor", "Influencer", "Technical Buyer", "Other",
    ),
    "TaskStatus": ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"),
    "TaskPriority": ("High", "Normal", "Low"),
    "TaskSubtype": ("Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn"),
    "TaskType": ("Call", "Email", "Meeting", "Other"),
    "EventType": ("Call", "Email", "Meeting", "Other"),
    "EventSubtype": ("Event",),
    "CallType": ("Internal", "Inbound", "Outbound"),
    "EmailStatus": ("0", "1", "2", "3", "4", "5"),
    "ShowAs": ("Busy", "OutOfOffice", "Free"),
    "Dismissed": ("Not relevant", "Wrong timing", "Already done", "Wrong contact", "Other"),
    "Review": ("No time", "Customer not available", "Waiting for someone", "Other priority", "Not useful"),
}  # fmt: skip

DEFAULT_STAGES: tuple[tuple[str, float, str, str, bool, bool], ...] = (
    ("Prospecting", 10, "Pipeline", "Pipeline", False, False),
    ("Qualification", 10, "Pipeline", "Pipeline", False, False),
    ("Needs Analysis", 20, "Pipeline", "Pipeline", False, False),
    ("Value Proposition", 50, "Pipeline", "Pipeline", False, False),
    ("Id. Decision Makers", 60, "Pipeline", "Pipeline", False, False),
    ("Perception Analysis", 70, "Pipeline", "Pipeline", False, False),
    ("Proposal/Price Quote", 75, "Pipeline", "Pipeline", False, False),
    ("Negotiation/Review", 90, "Pipeline", "Pipeline", False, False),
    ("Closed Won", 100, "Closed", "Closed", True, True),
    ("Closed Lost", 0, "Omitted", "Omitted", True, False),
)
"""A new org's stages: name, default probability in percent, forecast category, its name, closed, won."""
