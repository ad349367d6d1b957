package domaintest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
)

// Laws checks what holds for every decider, whatever happened before:
//
//   - Evolve takes every fact, in every order, without a panic;
//   - Evolve leaves the state it was given as it was, so that deciding again after a lost race begins where it began;
//   - a refusal is a *domain.Error, so that it can be shown;
//   - an accepted command that is repeated at once causes nothing, unless once says that it is good for one time only;
//   - a fact means the same after its way through JSON, because it is read back before the next decision.
func Laws[S, C, E any](t *testing.T, d domain.Decider[S, C, E], commands *rapid.Generator[C], once func(C) bool) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		var s, shuffled S
		var facts []E
		for _, c := range rapid.SliceOfN(commands, 0, 30).Draw(t, "commands") {
			caused, err := d.Decide(s, c)
			if err != nil {
				_, showable := errors.AsType[*domain.Error](err)
				require.True(t, showable, "%+v was refused with %v", c, err)
				continue
			}
			before, shown := s, fmt.Sprintf("%#v", s)
			for _, fact := range caused {
				facts = append(facts, stored(t, fact))
				s = d.Evolve(s, facts[len(facts)-1])
			}
			require.Equal(t, shown, fmt.Sprintf("%#v", before), "%+v changed the state before it", c)
			if !once(c) {
				again, err := d.Decide(s, c)
				require.NoError(t, err, "%+v repeated", c)
				require.Empty(t, again, "%+v repeated", c)
			}
		}
		if len(facts) > 0 {
			d.Fold(shuffled, rapid.Permutation(facts).Draw(t, "shuffled")...)
		}
	})
}

// Never is for deciders whose every command may be repeated.
func Never[C any](C) bool { return false }

func stored[E any](t *rapid.T, fact E) E {
	text, err := json.Marshal(fact)
	require.NoError(t, err)
	read := reflect.New(reflect.TypeOf(fact))
	require.NoError(t, json.Unmarshal(text, read.Interface()))
	back, ok := reflect.TypeAssert[E](read.Elem())
	require.True(t, ok)
	return back
}
