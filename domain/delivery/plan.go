package delivery

import (
	"slices"

	"github.com/google/uuid"
)

// Want is how a ticket shall stand with the vendor: as it stands here.
type Want struct {
	Words   int    // the version of the ticket that last changed what it says
	Initial string // the status that a new ticket has there, as the vendor calls it
	Status  string // as the vendor calls it; empty: whatever it is
	Things  []Thing
}

// Thing is a comment or a file of the ticket, in the order they came.
type Thing struct {
	Kind Kind // Comment or File
	Key  uuid.UUID
}

// Next answers the next step towards what is wanted; false when all is as it shall be. The ticket is made first, what was said
// follows in its order, and its words and its status come last, as they stand by then.
func (s State) Next(w Want) (Step, bool) {
	if !s.Exists || s.Over() {
		return Step{}, false
	}
	if s.InDoubt != nil { // before it is settled, nothing else is sound
		return *s.InDoubt, true
	}
	if !s.Created() {
		return Step{Kind: Create, Words: w.Words, Status: w.Initial}, true
	}
	for _, thing := range w.Things {
		if !s.Made[thing.Key] {
			return Step{Kind: thing.Kind, Key: thing.Key}, true
		}
	}
	if s.Words < w.Words {
		return Step{Kind: Update, Words: w.Words}, true
	}
	if s.Status != w.Status && w.Status != "" {
		return Step{Kind: Move, Status: w.Status}, true
	}
	return Step{}, false
}

// Here answers what the status there means for the status here, of those that mean the same: the first one by the order given
// that the vendor calls so. false: none does.
func Here(called map[string]string, there string, order []string) (string, bool) {
	i := slices.IndexFunc(order, func(status string) bool { return called[status] == there })
	if i < 0 {
		return "", false
	}
	return order[i], true
}
