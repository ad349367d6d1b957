package rules

import "ticketd/domain/ticket"

// verdict is what a rule speaks for: a category, a level of urgency, or a tag.
type verdict struct {
	category ticket.Category
	urgency  float64 // 1 for more, -1 for less
	tag      string
}

// The verdicts of the tables.
var (
	bug         = verdict{category: "bug"}
	wish        = verdict{category: "feature_request"}
	technical   = verdict{category: "technical"}
	billing     = verdict{category: "billing"}
	access      = verdict{category: "user_access"}
	security    = verdict{category: "security"}
	performance = verdict{category: "performance"}
	anybody     = verdict{category: ticket.General}
	integration = verdict{category: "integration"}

	urgent = verdict{urgency: 1}
	calm   = verdict{urgency: -1}
)

// departments are the teams that requests go to. What is general goes to nobody in particular.
var departments = map[ticket.Category]string{
	"technical": "IT", "user_access": "IT", "billing": "Billing", "feature_request": "Product", "bug": "Engineering",
	"performance": "Engineering", "integration": "Integrations", "security": "Security",
}
