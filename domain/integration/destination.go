package integration

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Usable reports a connection that tickets can be sent over now, as far as is known.
func (s Status) Usable() bool { return s == Pending || s == Active || s == Error }

// Wish is where somebody wants a ticket to live too: with an integration of a platform, with a certain integration, or both.
// The zero Wish is for what nobody can be sure of, and is never met.
type Wish struct {
	Platform    Platform
	Integration uuid.UUID
}

// WishFor reads a platform or the id of an integration.
func WishFor(text string) Wish {
	text = strings.ToLower(strings.TrimSpace(text))
	if id, err := uuid.Parse(text); err == nil {
		return Wish{Integration: id}
	}
	if p := Platform(text); slices.Contains(Platforms, p) {
		return Wish{Platform: p}
	}
	return Wish{}
}

// MetBy reports whether the integration, which is of the platform, is what is wished for.
func (w Wish) MetBy(id uuid.UUID, p Platform) bool {
	return w != Wish{} && (w.Integration == uuid.Nil || w.Integration == id) && (w.Platform == "" || w.Platform == p)
}

// Candidate is an integration of an organization.
type Candidate struct {
	ID       uuid.UUID
	Platform Platform
	Status   Status
}

// Destination is the integration that meets a wish, or why there is none.
type Destination struct {
	Integration uuid.UUID // zero: nowhere
	Platform    Platform
	Why         string // it is nowhere, in words
}

// Among answers the first candidate that meets the wish and can be used.
func (w Wish) Among(candidates []Candidate) Destination {
	var down []string
	for _, c := range candidates {
		switch {
		case !w.MetBy(c.ID, c.Platform):
		case c.Status.Usable():
			return Destination{Integration: c.ID, Platform: c.Platform}
		case !slices.Contains(down, string(c.Status)):
			down = append(down, string(c.Status))
		}
	}
	return Destination{Why: w.unmet(down)}
}

// unmet says why nothing meets the wish; down is why what would cannot be used.
func (w Wish) unmet(down []string) string {
	kind := "integration"
	if w.Platform != "" {
		kind = w.Platform.Name() + " integration"
	}
	reasons := strings.Join(down, ", ")
	switch named := w.Integration != uuid.Nil || w.Platform == ""; {
	case named && len(down) == 0:
		return fmt.Sprintf("There is no such %s, so nothing was sent there.", kind)
	case named:
		return fmt.Sprintf("The %s cannot be used (%s), so nothing was sent there.", kind, reasons)
	case len(down) == 0:
		return fmt.Sprintf("No %s is connected, so nothing was sent there.", kind)
	}
	return fmt.Sprintf("No %s can be used (%s), so nothing was sent there.", kind, reasons)
}
