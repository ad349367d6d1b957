package llm_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
	"ticketd/commands"
	"ticketd/domain"
)

type monthOf struct {
	org   domain.OrgID
	month time.Time
}

// purse is Spending in memory. While it is shut it says so.
type purse struct {
	mu    sync.Mutex
	spent map[monthOf]int64
	shut  error
}

func (p *purse) Add(ctx context.Context, org domain.OrgID, month time.Time, cost int64) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(ctx.Err(), p.shut); err != nil {
		return 0, err
	}
	p.spent[monthOf{org, month}] += cost
	return p.spent[monthOf{org, month}], nil
}

func (p *purse) Of(_ context.Context, org domain.OrgID, month time.Time) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spent[monthOf{org, month}], p.shut
}

func withPurse(p *purse, alerts *[]llm.Reached, now *time.Time) func(*llm.Options) {
	return func(o *llm.Options) {
		o.Spending = p
		o.Alert = func(_ context.Context, r llm.Reached) error {
			*alerts = append(*alerts, r)
			return nil
		}
		o.Now = func() time.Time { return *now }
	}
}

// thrifty has a budget of 100 millionths of a dollar; an answer costs 25.
func thrifty(p llm.Provider) llm.Config {
	config := patient(p)
	config.Budgets.MonthlyUSD = 0.0001
	return config
}

func TestABudgetAlertsAndThenStops(t *testing.T) {
	t.Parallel()
	s, money := provider(t, chatText("hi")), &purse{spent: map[monthOf]int64{}}
	var alerts []llm.Reached
	now := time.Date(2026, 5, 31, 23, 0, 0, 0, time.FixedZone("west", -3600)) // in UTC it is June the first
	c := chain(t, thrifty(openAI(s)), withPurse(money, &alerts, &now))
	for i := range 4 {
		require.EqualValues(t, 25, completed(t, c, hello()).Cost)
		require.Len(t, alerts, map[bool]int{false: 0, true: 2}[i == 3])
	}
	june := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, map[monthOf]int64{{here, june}: 100}, money.spent)
	require.Equal(t, []llm.Reached{{Org: here, Month: june, Spent: 100, Budget: 100}, {Org: here, Month: june, Stop: true, Spent: 100, Budget: 100}}, alerts)
	refusal := refused(t, c, hello())
	require.Equal(t, "budget", refusal.Code)
	require.Equal(t, 4, s.times(), "nobody is asked")

	other := hello()
	other.Org = domain.OrgID{UUID: uuid.UUID{2}}
	require.Equal(t, "hi", completed(t, c, other).Text, "another organization has its own budget")
	now = now.AddDate(0, 1, 0)
	require.Equal(t, "hi", completed(t, c, hello()).Text, "so has another month")
	require.Len(t, alerts, 2)
}

func TestWhatCouldNotBeToldIsToldAgain(t *testing.T) {
	t.Parallel()
	month := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	money, now := &purse{spent: map[monthOf]int64{{here, month}: 60}}, month.AddDate(0, 0, 9)
	var alerts []llm.Reached
	fault, log := errors.New("no database"), &lines{}
	c := chain(t, thrifty(openAI(provider(t, chatText("hi")))), withPurse(money, &alerts, &now), func(o *llm.Options) {
		record := o.Alert
		o.Alert = func(ctx context.Context, r llm.Reached) error { return errors.Join(fault, record(ctx, r)) }
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	completed(t, c, hello())
	require.Len(t, alerts, 1)
	require.Contains(t, log.String(), "nobody was told")
	fault = nil
	money.spent[monthOf{here, month}] = 82
	completed(t, c, hello())
	require.Equal(t, []bool{false, false, true}, []bool{alerts[0].Stop, alerts[1].Stop, alerts[2].Stop})
	refused(t, c, hello())
	require.Len(t, alerts, 3, "that is known")
	now = now.AddDate(0, 1, 0)
	money.spent[monthOf{here, month.AddDate(0, 1, 0)}] = 82
	completed(t, c, hello())
	require.Len(t, alerts, 5, "another month is another budget")
}

func TestABudgetIsUsedUpAtItsShare(t *testing.T) {
	t.Parallel()
	month := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	money, now := &purse{spent: map[monthOf]int64{{here, month}: 94}}, month.AddDate(0, 0, 9)
	var alerts []llm.Reached
	c := chain(t, thrifty(openAI(provider(t, chatText("hi")))), withPurse(money, &alerts, &now))
	completed(t, c, hello())
	money.spent[monthOf{here, month}] = 95
	require.Equal(t, "budget", refused(t, c, hello()).Code)
	alerts = nil
	again := chain(t, thrifty(openAI(provider(t))), withPurse(money, &alerts, &now))
	require.Equal(t, "budget", refused(t, again, hello()).Code)
	require.Len(t, alerts, 2, "another instance may have had no time to say so")
}

func TestNoBudgetIsNoLimit(t *testing.T) {
	t.Parallel()
	money, now := &purse{spent: map[monthOf]int64{}}, time.Now()
	var alerts []llm.Reached
	config := patient(openAI(provider(t, chatText("hi"))))
	config.Budgets.MonthlyUSD = 0
	c := chain(t, config, withPurse(money, &alerts, &now))
	completed(t, c, hello())
	require.Len(t, money.spent, 1, "it is counted all the same")
	require.Empty(t, alerts)
}

func TestARefusalAndACutAnswerArePaid(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"length", "content_filter"} {
		money, now := &purse{spent: map[monthOf]int64{}}, time.Now()
		var alerts []llm.Reached
		c := chain(t, patient(openAI(provider(t, chat(`{"content":"x"}`, reason)))), withPurse(money, &alerts, &now))
		completed(t, c, hello())
		require.Len(t, money.spent, 1)
	}
}

func TestAnAnswerForWhoHasGoneIsPaid(t *testing.T) {
	t.Parallel()
	money, now := &purse{spent: map[monthOf]int64{}}, time.Now()
	var alerts []llm.Reached
	ctx, cancel := context.WithCancel(t.Context())
	config := patient(openAI(provider(t, chatText("hi"))))
	c := chain(t, config, withPurse(money, &alerts, &now), func(o *llm.Options) { o.Spending = leaving{money, cancel} })
	_, err := c.Complete(ctx, hello())
	require.NoError(t, err)
	require.Len(t, money.spent, 1)
}

// leaving calls off just before an answer is counted.
type leaving struct {
	*purse
	cancel func()
}

func (l leaving) Add(ctx context.Context, org domain.OrgID, month time.Time, cost int64) (int64, error) {
	l.cancel()
	return l.purse.Add(ctx, org, month, cost)
}

func TestWhatCannotBeCountedIsNotSpent(t *testing.T) {
	t.Parallel()
	s, log := provider(t, chatText("hi")), &lines{}
	money, now := &purse{shut: errors.New("no database")}, time.Now()
	var alerts []llm.Reached
	logged := func(o *llm.Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) }
	c := chain(t, thrifty(openAI(s)), withPurse(money, &alerts, &now), logged)
	refusal := refused(t, c, hello())
	require.Equal(t, "unavailable", refusal.Code)
	require.Zero(t, s.times())
	require.Contains(t, log.String(), "what an organization has spent on models is unknown")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Complete(ctx, hello())
	require.ErrorIs(t, err, context.Canceled)

	config := thrifty(openAI(s))
	config.Budgets.MonthlyUSD = 0
	require.Equal(t, "hi", completed(t, chain(t, config, withPurse(money, &alerts, &now), logged), hello()).Text, "an answer that is there is given")
	require.Contains(t, log.String(), "what a model's answer cost is not counted")
}

func TestWhatCostsNothingIsNotCounted(t *testing.T) {
	t.Parallel()
	money, now := &purse{spent: map[monthOf]int64{}}, time.Now()
	var alerts []llm.Reached
	c := chain(t, patient(openAI(provider(t, says(http.StatusOK, `{"choices":[{"message":{"content":"x"}}]}`)))), withPurse(money, &alerts, &now))
	require.Equal(t, commands.StopAnswer, completed(t, c, hello()).Stop)
	require.Empty(t, money.spent)
}
