package lastline_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/internal/lastline"
)

var id = uuid.MustParse("0198c0de-0000-7000-8000-000000000001")

func TestAMarkIsReadFromTheLastLine(t *testing.T) {
	t.Parallel()
	for _, m := range []lastline.Mark{{Kind: "comment", ID: id}, {Kind: "ticket", ID: id, Sum: "0a1b"}} {
		for _, before := range []string{"", "Some words.\n\n", "a\r\n"} {
			for _, after := range []string{"", "\n", "\r\n \n"} {
				read, ok := lastline.Of(before + m.Line() + after)
				require.True(t, ok)
				require.Equal(t, m, read)
			}
		}
	}
	require.Equal(t, "Ref comment/0198c0de-0000-7000-8000-000000000001", lastline.Mark{Kind: "comment", ID: id}.Line())
	require.Equal(t, "Some words.", lastline.Without("Some words.\n\nRef comment/"+id.String()+"\n"))
}

func TestAQuotationIsNoMark(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "Ref", "Ref comment", "Ref comment/1", "Ref /" + id.String(), "ref comment/" + id.String(),
		"> Ref comment/" + id.String(), "Ref comment/" + id.String() + "\nNo, it is not.", "see Ref comment/" + id.String(),
		"Ref comment/" + id.String() + "/1/2", "Ref comment/{0198c0de-0000-7000-8000-00000000000}", "Ref comment/x198c0de-0000-7000-8000-000000000001",
	} {
		_, ok := lastline.Of(text)
		require.False(t, ok, text)
		require.Equal(t, text, lastline.Without(text))
	}
}

func FuzzWithout(f *testing.F) {
	f.Add("Hello")
	f.Add("Ref comment/" + id.String())
	f.Fuzz(func(t *testing.T, text string) {
		m := lastline.Mark{Kind: "comment", ID: id}
		read, ok := lastline.Of(text + "\n" + m.Line())
		require.True(t, ok)
		require.Equal(t, m, read)
		require.LessOrEqual(t, len(lastline.Without(text)), len(text))
	})
}
