package projections_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/projections"
)

func TestLineDiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, fresh, want string }{
		"the same":             {"a\nb\n", "a\nb\n", ""},
		"nothing and nothing":  {"", "", ""},
		"from nothing":         {"", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		"to nothing":           {"a\n", "", "@@ -1 +0,0 @@\n-a\n"},
		"one line changed":     {"a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"},
		"one line more":        {"a\nc\n", "a\nb\nc\n", "@@ -1,2 +1,3 @@\n a\n+b\n c\n"},
		"a line moved":         {"a\nb\nc\n", "b\nc\na\n", "@@ -1,3 +1,3 @@\n-a\n b\n c\n+a\n"},
		"only the last break":  {"a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		"without last breaks":  {"a\nb", "x\nb", "@@ -1,2 +1,2 @@\n-a\n+x\n b\n\\ No newline at end of file\n"},
		"two changes far away": {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n2\n3\n4\n5\n6\n7\n8\ny\n", "@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+y\n"},
		"two changes near":     {"1\n2\n3\n4\n5\n6\n7\n8\n", "x\n2\n3\n4\n5\n6\n7\ny\n", "@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n"},
		"far from both ends":   {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n6\n7\n8\n9\n", "@@ -2,7 +2,6 @@\n 2\n 3\n 4\n-5\n 6\n 7\n 8\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := projections.LineDiff("one", "two", c.old, c.fresh)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Equal(t, "--- one\n+++ two\n"+c.want, got)
		})
	}
}

// Who reads a diff must come from the one text to the other, and read no line too many.
func TestALineDiffLeadsFromOneTextToTheOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			list := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "", "-", "@@"}), 0, 30).Draw(t, name)
			return strings.Join(list, "\n")
		}
		old, fresh := text("old"), text("fresh")
		diff := projections.LineDiff("old", "new", old, fresh)
		require.Equal(t, fresh, patched(t, old, diff))
		require.Equal(t, old, patched(t, fresh, projections.LineDiff("new", "old", fresh, old)))
		require.Equal(t, editDistance(splitLines(old), splitLines(fresh)), strings.Count(diff, "\n-")+strings.Count(diff, "\n+")-min(1, len(diff)), "the shortest way")
	})
}

// Two texts of the greatest length that have nothing in common are not compared line by line: somebody waits.
func TestALineDiffOfHugeTextsIsQuick(t *testing.T) {
	t.Parallel()
	old, fresh := strings.Repeat("a\n", 25_000), strings.Repeat("b\n", 25_000)
	diff := projections.LineDiff("old", "new", "same\n"+old+"end", "same\n"+fresh+"end")
	require.True(t, strings.HasPrefix(diff, "--- old\n+++ new\n@@ -1,25002 +1,25002 @@\n same\n-a\n"), "%.100s", diff)
	require.Equal(t, 25_000, strings.Count(diff, "\n-a"))
	require.Equal(t, 25_000, strings.Count(diff, "\n+b"))
}

// patch itself must understand it.
func TestPatchTakesALineDiff(t *testing.T) {
	t.Parallel()
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("this machine has no patch")
	}
	old := strings.Repeat("rule\n", 9) + "one\ntwo\nthree\n" + strings.Repeat("other\n", 9) + "end"
	fresh := strings.Repeat("rule\n", 9) + "one\nthree\nfour\n" + strings.Repeat("other\n", 9) + "the end\n"
	file := filepath.Join(t.TempDir(), "prompt")
	require.NoError(t, os.WriteFile(file, []byte(old), 0o600))
	run := exec.CommandContext(t.Context(), patch, "--silent", file)
	run.Stdin = strings.NewReader(projections.LineDiff("a", "b", old, fresh))
	out, err := run.CombinedOutput()
	require.NoError(t, err, string(out))
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, fresh, string(got))
}

func splitLines(text string) []string {
	list := strings.SplitAfter(text, "\n")
	if list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}

// patched does to a text what a diff says.
func patched(t *rapid.T, old, diff string) string {
	if diff == "" {
		return old
	}
	source := splitLines(old)
	var b strings.Builder
	at := 0
	for i, line := range splitLines(diff) {
		switch {
		case i < 2: // the names
		case line[0] == '@':
			var start, count int
			head := strings.Split(strings.Fields(line)[1][1:], ",")
			_, err := fmt.Sscan(head[0], &start)
			require.NoError(t, err)
			count = 1
			if len(head) == 2 {
				_, err = fmt.Sscan(head[1], &count)
				require.NoError(t, err)
			}
			for at < start-min(1, count) {
				b.WriteString(source[at])
				at++
			}
		case line[0] == '\\':
			text := strings.TrimSuffix(b.String(), "\n")
			if lastOp(diff, i) != '-' {
				b.Reset()
				b.WriteString(text)
			}
		case line[0] == '-':
			at++
		case line[0] == '+':
			b.WriteString(line[1:])
		default:
			require.Equal(t, strings.TrimSuffix(source[at], "\n"), strings.TrimSuffix(line[1:], "\n"), "what stays is what was there")
			b.WriteString(line[1:])
			at++
		}
	}
	for ; at < len(source); at++ {
		b.WriteString(source[at])
	}
	return b.String()
}

// lastOp is what the line before line i of a diff does.
func lastOp(diff string, i int) byte { return splitLines(diff)[i-1][0] }

// editDistance counts the lines that have to go and to come, slowly and obviously right.
func editDistance(old, fresh []string) int {
	row := make([]int, len(fresh)+1)
	for j := range row {
		row[j] = j
	}
	for i := range old {
		diagonal := row[0]
		row[0] = i + 1
		for j := range fresh {
			next := min(row[j], row[j+1]) + 1
			if old[i] == fresh[j] {
				next = diagonal
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(fresh)]
}
