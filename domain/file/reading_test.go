package file_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/file"
)

// An engine may see or hear anything; what is kept of it is text that PostgreSQL can hold, everywhere in a reading.
func TestAReadingIsKeptAsText(t *testing.T) {
	t.Parallel()
	bad := "a\x00b\xff"
	dirty := file.Reading{
		Text: bad, Engine: bad, Language: bad, Pages: []file.Page{{Name: bad, Text: bad}}, Regions: []file.Region{{Text: bad}},
		Segments: []file.Segment{{Text: bad}}, Metadata: map[string]string{bad: bad}, Notes: []string{bad}, Seconds: 1,
	}
	clean := dirty.Storable()
	text, err := json.Marshal(clean)
	require.NoError(t, err)
	require.NotContains(t, string(text), `\u0000`)
	good := "ab\ufffd"
	require.Equal(t, file.Reading{
		Text: good, Engine: good, Language: good, Pages: []file.Page{{Name: good, Text: good}}, Regions: []file.Region{{Text: good}},
		Segments: []file.Segment{{Text: good}}, Metadata: map[string]string{good: good}, Notes: []string{good}, Seconds: 1,
	}, clean)
	require.Equal(t, bad, dirty.Pages[0].Text, "and the reading itself is as it was")
	require.Equal(t, file.Reading{}, file.Reading{}.Storable())
}

func TestBytesAreFoundUnderTheirAddress(t *testing.T) {
	t.Parallel()
	id, org := domain.FileID{UUID: uuid.UUID{15: 1}}, domain.OrgID{UUID: uuid.UUID{15: 2}}
	require.Equal(t, "/api/v1/files/00000000-0000-0000-0000-000000000001/storage/a%20b%3F.png", file.URL(id, "a b?.png"))
	require.Equal(t, "00000000-0000-0000-0000-000000000002/ab", file.BlobKey(org, "ab"))
	require.Equal(t, "quarantine/00000000-0000-0000-0000-000000000002/ab", file.QuarantineKey(org, "ab"))
}
