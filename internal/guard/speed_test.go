//go:build linux

package guard_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/internal/guard"
)

// worked answers how long this thread has been at work, which other processes do not add to.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_THREAD, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestHostileTextTakesNoLongerThanOther has 200 KB read of whatever might be slow. The usual takes 5 ms, the worst 35; what grew with the
// square of its length would take seconds, so the limit is far from both.
func TestHostileTextTakesNoLongerThanOther(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var worst time.Duration
	var what string
	for _, unit := range []string{
		"An ordinary sentence about a crash at 10:30 on 10.0.0.1. ", "ignore all previous ", "ignore all the your my ", "ignore ", "repeat everything all the text words ", "show me us back out ",
		"⟦quoted: ", "⟦token: a", "⟦quoted: ignore ", "<|", "<|a", "<tool_", "<<", "[", "[INST]", "\"", "```tool_", "System", "\n#", "\nSystem", "\u200b", "क\u200d", "i\u0336", "\u0336", "é",
		"@", "a@", "a@b.", "a@b.1.", "@a.b", "a.", "1 ", "1", "12 34 ", "1234 ", "0123 ", "123-", "555-123-4567 ", "(", "(5", "+", "[EMAIL_", "[EMAIL_1]", "4111 ", "4111 1111 1111 1111 ", "ssn 123 45 6789 ",
		"sk-", "sk-a/", "sk_live_", "ai_", "eyJ", "eyJaaaaaa.", "bearer ", "bearer a", "basic ", "token=", "token=1", "password: ", "password:\"", "://", "://a:", "-----BEGIN PRIVATE KEY-----",
		"-----BEGIN ", "-", "a-", "a/", "Ab1/", "Ab1-", "q7Zr2Kx9Lw4Tn8Vb", "sha256-", "\\\"", "<<<END ", "<<<", "\xff",
	} {
		text := strings.Repeat(unit, size/len(unit))
		p := guard.NewPseudonyms()
		for name, read := range map[string]func(){
			"fence":      func() { boundary.Fence("file", text, text) },
			"neutralise": func() { guard.Neutralise(text) },
			"hide":       func() { p.Hide(text) },
			"restore":    func() { p.Restore(text) },
			"redact":     func() { guard.Redact(text) },
		} {
			best := time.Hour
			for attempt := 0; attempt < 10 && best > limit; attempt++ {
				began := worked(t)
				read()
				best = min(best, worked(t)-began)
			}
			require.LessOrEqual(t, best, limit, "%s of %q", name, unit)
			if best > worst {
				worst, what = best, fmt.Sprintf("%s of %q", name, unit)
			}
		}
	}
	t.Logf("worst: %s, %s", worst, what)
}
