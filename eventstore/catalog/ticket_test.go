package catalog_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore/catalog"
)

// References to uploads were once a list of ids. Whatever was written then is an attachment today, and none is lost.
func TestOldFileIDsAreReadAsAttachments(t *testing.T) {
	t.Parallel()
	one, two := domain.FileID{UUID: uuid.MustParse("018f0000-0000-7000-8000-000000000001")}, domain.FileID{UUID: uuid.MustParse("018f0000-0000-7000-8000-000000000002")}
	ids := `"file_ids":["` + one.String() + `","` + two.String() + `"]`
	both := []ticket.Attachment{{FileID: one}, {FileID: two}}
	for _, old := range []struct {
		name, data string
		want       []ticket.Attachment
	}{
		{"ticket.attached", `{` + ids + `}`, both},
		{"ticket.attached", `{"attachments":[{"file_id":"` + one.String() + `"}]}`, both[:1]},
		{"ticket.attached", `{"attachments":[{"file_id":"` + one.String() + `"}],"file_ids":["` + two.String() + `"]}`, both},
		{"ticket.attached", `{"file_ids":null}`, nil},
		{"ticket.commented", `{"content":"See there.","internal":false,` + ids + `}`, both},
		{"ticket.commented", `{"content":"Nothing attached.","internal":false}`, nil},
	} {
		event, err := catalog.Codec.Decode(old.name, 1, []byte(old.data))
		require.NoError(t, err, old.data)
		switch e := event.(type) {
		case ticket.Attached:
			require.Equal(t, old.want, e.Attachments, old.data)
		case ticket.Commented:
			require.Equal(t, old.want, e.Attachments, old.data)
		}
	}
}
