package projections

import (
	"time"

	"ticketd/domain"
	"ticketd/domain/organization"
)

// BudgetNotice is the data of ai_budget_alert and ai_budget_stop.
type BudgetNotice struct {
	Month     string  `json:"month"` // in UTC: "2026-11"
	SpentUSD  float64 `json:"spent_usd"`
	BudgetUSD float64 `json:"budget_usd"`
	Timestamp string  `json:"timestamp"`
}

// aboutBudget tells those who run the organization what its models have cost.
func (n Notice) aboutBudget(e organization.BudgetReached, at time.Time) Notice {
	const million = 1_000_000
	n.Protocol, n.Needs, n.Type = "system", domain.ManageOrg, "ai_budget_"+string(e.Level)
	n.Data = BudgetNotice{Month: e.Month, SpentUSD: float64(e.Spent) / million, BudgetUSD: float64(e.Budget) / million, Timestamp: at.Format(Millis)}
	return n
}
