package integrations_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// senseless are answers under a status that says that all went well.
var senseless = []string{
	``, `null`, `[]`, `[null]`, `[[null]]`, `{}`, `{"":null}`, `""`, `"0"`, `0`, `true`, `[7]`, `<html>`, "\xff",
	`{"ok":true}`, `{"ok":true,"messages":[null],"message":null,"ts":null,"channel":null,"files":[null],"file":null}`,
	`{"value":[null],"id":null,"body":null,"from":null}`, `{"records":[null],"id":"","success":true}`,
	`{"issues":[null],"comments":[null],"transitions":[null],"fields":null,"values":[null]}`,
	`{"ticket":null,"comments":[null],"audit":{"events":[null]},"upload":null,"user":null,"users":[null]}`,
	`{"tickets":[null],"ticket_parts":{"ticket_parts":[null]},"ticket_state":null,"data":[null],"contacts":null}`,
}

// content is a file's.
type content struct{ *strings.Reader }

func (content) Close() error { return nil }

// Whatever a vendor answers, nobody panics, and nothing counts as made that has no name.
func TestNoAnswerIsTakenForMoreThanItSays(t *testing.T) {
	t.Parallel()
	for _, platform := range integration.Platforms {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			c, v, mark := endless(t, list{platform: platform, kind: commands.CommentMark}, "")
			v.Base().Heal()
			for _, answer := range senseless {
				for _, status := range []int{200, 201} {
					v.Base().Next("", vendorfake.Fault{Times: many, Status: status, Body: answer})
					says := fmt.Sprintf("%d %s", status, answer)
					_ = c.Check(t.Context())
					_, _ = c.Fetch(t.Context(), mark.Ref)
					_ = c.SetStatus(t.Context(), mark.Ref, "done")
					_ = c.Update(t.Context(), mark.Ref, commands.Draft{Ticket: uuid.New(), Title: "It burns", Status: "done"})
					made, err := c.Create(t.Context(), commands.Draft{Ticket: uuid.New(), Title: "It burns", Description: "Still.", Creator: commands.Person{Name: "Ada", Email: "ada@example.org"}})
					require.True(t, err != nil || made.ID != "", "made: %s", says)
					made, err = c.Comment(t.Context(), mark.Ref, commands.Note{Comment: uuid.New(), Author: "Ada", Text: "Hello"})
					require.True(t, err != nil || made.ID != "", "said: %s", says)
					_, _ = c.Attach(t.Context(), mark.Ref, commands.Attachment{
						File: uuid.New(), Name: "a.txt", Type: "text/plain", Size: 1, Sent: func(int64) {},
						Open: func(context.Context) (io.ReadSeekCloser, error) { return content{strings.NewReader("x")}, nil },
					})
					for _, kind := range []commands.MarkKind{commands.TicketMark, commands.CommentMark, commands.AttachmentMark} {
						m := commands.Mark{Kind: kind, Key: uuid.New(), Ref: mark.Ref, Name: "a.txt", Size: 1, Since: time.Now().Add(-time.Hour), Last: time.Now().Add(-time.Minute)}
						_, found, _ := c.Find(t.Context(), m)
						require.False(t, found, "%s: %s", kind, says)
					}
					v.Base().Heal()
				}
			}
		})
	}
}
