package llm

import (
	"context"
	"math"
	"time"

	"ticketd/commands"
	"ticketd/domain"
)

// Spending counts what the organizations spend, in millionths of a dollar.
type Spending interface {
	// Add counts a cost in the month (its first day, UTC), and answers what the month has cost now.
	Add(ctx context.Context, org domain.OrgID, month time.Time, cost int64) (total int64, err error)

	// Of answers what a month has cost so far.
	Of(ctx context.Context, org domain.OrgID, month time.Time) (int64, error)
}

// keepTime is how long writing down a cost may take. The caller may be gone by then, but the answer was paid for.
const keepTime = 5 * time.Second

// micro turns dollars into millionths.
func micro(usd float64) int64 { return int64(math.Round(usd * 1e6)) }

// cost answers what an answer cost, in millionths of a dollar, rounded up.
func (m Model) cost(c commands.Completion) int64 {
	const million = 1_000_000
	sum := float64(c.InputTokens)*float64(micro(*m.InputUSD)) + float64(c.OutputTokens)*float64(micro(*m.OutputUSD))
	return int64(math.Ceil(sum / million))
}

// Reached says that an organization has spent a share of its budget.
type Reached struct {
	Org    domain.OrgID
	Month  time.Time // its first day, UTC
	Stop   bool      // nobody is asked any more this month; else it is the share of alert
	Spent  int64     // millionths of a dollar
	Budget int64
}

// isUsedUp says whether the organization may ask nobody any more this month.
func (c *Chain) isUsedUp(ctx context.Context, org domain.OrgID) (bool, error) {
	if c.limit == 0 {
		return false, nil
	}
	spent, err := c.options.Spending.Of(ctx, org, c.month())
	if float64(spent) < c.config.Budgets.Stop*float64(c.limit) || err != nil {
		return false, err
	}
	c.tell(ctx, org, spent)
	return true, nil
}

// pay counts what an answer cost. The runs' events hold the cost as well, so what cannot be counted now is not lost.
func (c *Chain) pay(ctx context.Context, org domain.OrgID, cost int64) {
	if c.options.Spending == nil || cost == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	total, err := c.options.Spending.Add(ctx, org, c.month(), cost)
	if err != nil {
		c.log.WarnContext(ctx, "what a model's answer cost is not counted", "org", org, "cost", cost, "reason", err)
		return
	}
	c.tell(ctx, org, total)
}

// tell says which shares are spent, each once a month. Every instance says so once, in case the one whose answer it was
// could not; what cannot be told now is told after the next answer.
func (c *Chain) tell(ctx context.Context, org domain.OrgID, spent int64) {
	if c.limit == 0 || c.options.Alert == nil {
		return
	}
	month := c.month()
	for _, level := range []struct {
		share float64
		stop  bool
	}{{c.config.Budgets.Alert, false}, {c.config.Budgets.Stop, true}} {
		if float64(spent) < level.share*float64(c.limit) {
			continue
		}
		key := told{org, level.stop}
		if before, ok := c.told.Load(key); ok && before == month {
			continue
		}
		if err := c.options.Alert(ctx, Reached{Org: org, Month: month, Stop: level.stop, Spent: spent, Budget: c.limit}); err != nil {
			c.log.WarnContext(ctx, "nobody was told what an organization has spent on models", "org", org, "reason", err)
			continue
		}
		c.told.Store(key, month)
	}
}

// told is what an organization was told in some month.
type told struct {
	org  domain.OrgID
	stop bool
}

func (c *Chain) month() time.Time {
	now := c.options.Now().UTC()
	return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
}
