package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
)

// sources are the tickets and uploads that hold a person's words: true where the person began it, so that whoever is shown
// the beginning is shown those words.
type sources map[uuid.UUID]bool

// runsPage is how many events of runs are read at a time.
const runsPage = 1000

// runsShown answers the runs that were shown any of the sources: as what they are about, as a file, or by a tool.
func (e Erasures) runsShown(ctx context.Context, org domain.OrgID, from sources) ([]uuid.UUID, error) {
	if len(from) == 0 {
		return nil, nil
	}
	q := eventstore.Query{Org: org.UUID, Types: []string{"agent_run.started", "agent_run.tool_called"}, Limit: runsPage, Unreadable: true}
	var found []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for {
		page, err := e.words.Read(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read what runs were shown: %w", err)
		}
		for _, r := range page {
			if !seen[r.Stream] && from.shownIn(r.Event) {
				seen[r.Stream] = true
				found = append(found, r.Stream)
			}
		}
		if len(page) < runsPage {
			return found, nil
		}
		q.After = page[len(page)-1].Position
	}
}

// shownIn reports whether an event of a run names one of the sources. A tool that makes something shows nothing that was
// there before.
func (s sources) shownIn(event any) bool {
	switch e := event.(type) {
	case agentrun.Started:
		for _, id := range e.Files {
			if s[id.UUID] {
				return true
			}
		}
		return s[e.Ticket]
	case agentrun.ToolCalled:
		if e.Tool == "create_ticket" {
			return false
		}
		arguments, err := json.Marshal(e.Arguments)
		return err == nil && slices.ContainsFunc(append(idsIn(string(arguments)), e.Named...), func(id uuid.UUID) bool { _, is := s[id]; return is })
	}
	return false
}

var anID = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// mostNamed is how many ids are looked for in a text.
const mostNamed = 200

// idsIn answers the first ids that a text holds, each once.
func idsIn(text string) []uuid.UUID {
	var ids []uuid.UUID
	for _, found := range anID.FindAllString(text, -1) {
		id, err := uuid.Parse(found)
		if err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		if len(ids) == mostNamed {
			break
		}
	}
	return ids
}
