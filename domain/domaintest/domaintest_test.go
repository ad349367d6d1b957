package domaintest_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
)

var errDark = &domain.Error{Kind: domain.Conflict, Code: "dark", Message: "It is dark."}

type lit struct{ On bool }

// lamp can be switched on and off; "break" is refused.
var lamp = domain.Decider[bool, string, lit]{
	Decide: func(on bool, c string) ([]lit, error) {
		switch {
		case c == "break":
			return nil, errDark
		case on == (c == "on"):
			return nil, nil
		}
		return []lit{{On: c == "on"}}, nil
	},
	Evolve: func(_ bool, e lit) bool { return e.On },
}

func TestASpecPassesOnWhatHappens(t *testing.T) {
	t.Parallel()
	domaintest.Given(t, lamp).When("on").Then(lit{On: true})
	domaintest.Given(t, lamp, lit{On: true}).When("on").Then()
	domaintest.Given(t, lamp).When("break").Refused(errDark)
}

func TestASpecFailsOnAnythingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		when  string
		check func(spec)
	}{
		"another fact":            {"on", func(s spec) { s.Then(lit{}) }},
		"a fact instead of none":  {"on", func(s spec) { s.Then() }},
		"a refusal, not a fact":   {"break", func(s spec) { s.Then(lit{}) }},
		"a fact, not a refusal":   {"on", func(s spec) { s.Refused(errDark) }},
		"a refusal for no reason": {"break", func(s spec) { s.Refused(errors.New("other")) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := &probe{TB: t}
			require.Panics(t, func() { c.check(domaintest.Given(tb, lamp).When(c.when)) })
			require.True(t, tb.failed)
		})
	}
}

func TestTheLawsHoldForALamp(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, lamp, rapid.SampledFrom([]string{"on", "off", "break"}), domaintest.Never)
}

type spec = domaintest.Spec[bool, string, lit]

// probe is a test that is expected to fail; FailNow panics, because it may not return.
type probe struct {
	testing.TB
	failed bool
}

func (p *probe) Helper()               {}
func (p *probe) Errorf(string, ...any) { p.failed = true }
func (p *probe) FailNow()              { panic("failed") }
