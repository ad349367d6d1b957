package llm

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
)

func keyNumber(n int) (key [sha256.Size]byte) {
	binary.BigEndian.PutUint64(key[:], uint64(n))
	return key
}

func TestTheAnswersOfTheLastHourAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		text string
		most int
	}{
		"many":  {"x", mostAnswers},
		"large": {strings.Repeat("x", largestKept), mostAnswerBytes / (largestKept + answerOverhead)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAnswers(time.Hour)
			for i := range mostAnswers + 10 {
				a.keep(keyNumber(i), commands.Completion{Text: c.text, Stop: commands.StopAnswer}, now)
				_, asked := a.find(keyNumber(0), now)
				require.True(t, asked, "what is asked for stays")
			}
			require.Len(t, a.byKey, c.most)
			require.Equal(t, c.most, a.used.Len())
			require.Equal(t, c.most*(len(c.text)+answerOverhead), a.bytes)
			_, known := a.find(keyNumber(1), now)
			require.False(t, known, "the oldest is forgotten")
		})
	}
}

func TestAnAnswerThatIsKeptTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	a, now := newAnswers(time.Hour), time.Now()
	for range 2 {
		a.keep(keyNumber(1), commands.Completion{Text: "x", Stop: commands.StopAnswer}, now)
	}
	require.Equal(t, 1, a.used.Len())
	require.Equal(t, 1+answerOverhead, a.bytes)
	_, known := a.find(keyNumber(1), now.Add(time.Hour))
	require.False(t, known)
	require.Zero(t, a.bytes)
}
