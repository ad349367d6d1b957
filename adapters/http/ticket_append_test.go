package http

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

var strangeTexts = []string{
	"", "plain", "två ord", `he said "no" \ twice`, "a\nb\r\n\tc", "\x00\x01\x1f", "<b>&amp;</b>", "\u2028\u2029", "bad \xff\xfe utf8", "🙂 emoji", "\u007f", "\b\f",
}

// randomTicket answers a ticket of which everything may be there or not.
func randomTicket(random *rand.Rand) Ticket {
	text := func() string {
		return strangeTexts[random.IntN(len(strangeTexts))] + strangeTexts[random.IntN(len(strangeTexts))]
	}
	at := func() time.Time { return time.UnixMicro(random.Int64N(4e15)).In(time.FixedZone("", random.IntN(7200))) }
	sometime := func() *time.Time {
		if random.IntN(2) == 0 {
			return nil
		}
		return new(at())
	}
	row := projections.TicketRow{
		ID: ticket.ID{UUID: uuid.New()}, Number: random.Int64(), Title: text(), Description: text(), Status: ticket.Status(text()), Priority: ticket.High,
		Urgency: ticket.Low, Category: ticket.Category(text()), Subcategory: text(), Department: text(), SourceChannel: text(),
		CreatedBy: domain.UserID{UUID: uuid.New()}, ResolutionSummary: text(), FirstResponseAt: sometime(), ResolvedAt: sometime(), ClosedAt: sometime(),
		LastActivityAt: at(), Comments: random.IntN(9), InternalComments: random.IntN(9), Version: random.IntN(99), CreatedAt: at(), UpdatedAt: at(),
	}
	for range random.IntN(3) {
		row.Tags = append(row.Tags, text())
		row.Attachments = append(row.Attachments, ticket.Attachment{FileID: domain.FileID{UUID: uuid.New()}})
	}
	if random.IntN(2) == 0 {
		row.Assignee.UUID = uuid.New()
		row.CustomFields = map[string]any{text(): 1.5, "nested": map[string]any{"a": []any{nil, true, text()}}}
	}
	people := map[domain.UserID]projections.Person{row.CreatedBy: {Username: text(), FullName: text()}}
	files := map[domain.FileID]projections.FileRow{}
	for _, a := range row.Attachments {
		if random.IntN(2) == 0 {
			files[a.FileID] = projections.FileRow{ID: a.FileID, Filename: text(), Size: random.Int64(), MIMEType: text(), Category: file.Image, Status: projections.FileProcessed}
		}
	}
	shown := renderTicket(row, domain.Actor{Role: domain.Admin}, people, files)
	if random.IntN(4) == 0 { // what other features fill in
		shown.AI, shown.AIGenerated = &TicketAI{AgentType: text(), Confidence: random.Float64()}, true
		shown.IntegrationID, shown.ExternalTicketID, shown.ExternalTicketURL = new(uuid.New()), new(text()), new(text())
		shown.IntegrationResult = &IntegrationResult{Status: text(), IntegrationID: uuid.New(), Platform: text(), Others: []IntegrationWay{{Status: text()}}}
	}
	return shown
}

// The struct is what the document describes; the hand-written form must never say anything else.
func TestTheHandWrittenListIsTheJSONOfTheStruct(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	format := jsonFormat()
	for round := range 300 {
		var list []Ticket
		if round > 0 {
			list = []Ticket{}
		}
		for range random.IntN(5) {
			list = append(list, randomTicket(random))
		}
		if round == 1 {
			list = append(list, Ticket{}) // not even empty lists
		}
		for _, body := range []any{list, TicketEnvelope{Items: list, Total: round, Page: 1, Size: 2, Pages: 3, HasNext: round%2 == 0, HasPrev: round%3 == 0}} {
			if list == nil {
				body = []Ticket{}
			}
			var want, got bytes.Buffer
			encoder := json.NewEncoder(&want)
			encoder.SetEscapeHTML(false)
			require.NoError(t, encoder.Encode(body))
			require.NoError(t, format.Marshal(&got, TicketList{body}))
			require.Equal(t, want.String(), got.String())
		}
	}
}

func TestAListThatCannotBeJSONIsAnError(t *testing.T) {
	t.Parallel()
	impossible := map[string]any{"f": func() {}}
	for _, body := range []any{
		[]Ticket{{CustomFields: impossible}}, TicketEnvelope{Items: []Ticket{{CustomFields: impossible}}}, impossible["f"],
	} {
		require.Error(t, jsonFormat().Marshal(&bytes.Buffer{}, TicketList{body}))
	}
}
