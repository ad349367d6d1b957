package projections

import (
	"fmt"
	"slices"
	"strings"
)

// diffContext is how many lines that are the same stand around those that are not.
const diffContext = 3

// maxDiffCells bounds the table of LineDiff: two texts of 2,000 lines that have nothing in common at their ends. What
// is larger is shown as taken away and put there anew, because somebody waits.
const maxDiffCells = 4_000_000

// LineDiff answers how one text becomes another, line by line, as diff -u and patch write it; "" when they are equal.
func LineDiff(oldName, newName, oldText, newText string) string {
	if oldText == newText {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", oldName, newName)
	writeHunks(&b, diffLines(lines(oldText), lines(newText)))
	return b.String()
}

// lines splits a text into its lines, each with the break at its end, if it has one.
func lines(text string) []string {
	all := strings.SplitAfter(text, "\n")
	if last := len(all) - 1; all[last] == "" {
		all = all[:last]
	}
	return all
}

// diffLine is a line that stays (' '), goes ('-') or comes ('+').
type diffLine struct {
	op   byte
	text string
}

// diffLines answers the shortest way from one list of lines to the other.
func diffLines(old, fresh []string) []diffLine {
	var list []diffLine
	add := func(op byte, texts ...string) {
		for _, text := range texts {
			list = append(list, diffLine{op, text})
		}
	}
	head := 0
	for head < min(len(old), len(fresh)) && old[head] == fresh[head] {
		head++
	}
	tail := 0
	for tail < min(len(old), len(fresh))-head && old[len(old)-1-tail] == fresh[len(fresh)-1-tail] {
		tail++
	}
	same := old[len(old)-tail:]
	add(' ', old[:head]...)
	old, fresh = old[head:len(old)-tail], fresh[head:len(fresh)-tail]
	longest := commonLines(old, fresh)
	i, j := 0, 0
	for longest != nil && i < len(old) && j < len(fresh) {
		switch {
		case old[i] == fresh[j]:
			add(' ', old[i])
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			add('-', old[i])
			i++
		default:
			add('+', fresh[j])
			j++
		}
	}
	add('-', old[i:]...)
	add('+', fresh[j:]...)
	add(' ', same...)
	return list
}

// commonLines answers how many lines the rests of two lists have in common, in order, from each pair of lines on; nil
// when that would take too long.
func commonLines(old, fresh []string) [][]int32 {
	if len(old)*len(fresh) > maxDiffCells {
		return nil
	}
	longest := make([][]int32, len(old)+1)
	for i := range longest {
		longest[i] = make([]int32, len(fresh)+1)
	}
	for i, oldLine := range slices.Backward(old) {
		for j, newLine := range slices.Backward(fresh) {
			if oldLine == newLine {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	return longest
}

// writeHunks writes the changes with the lines around them; those that are near each other stand together.
func writeHunks(b *strings.Builder, list []diffLine) {
	oldLine, newLine := 0, 0 // lines before list[from]
	for from := 0; from < len(list); {
		begin, end := nextHunk(list, from)
		oldLine, newLine = oldLine+begin-from, newLine+begin-from // what is skipped is the same on both sides
		oldCount, newCount := 0, 0
		for _, l := range list[begin:end] {
			if l.op != '+' {
				oldCount++
			}
			if l.op != '-' {
				newCount++
			}
		}
		if begin < end {
			fmt.Fprintf(b, "@@ -%s +%s @@\n", lineRange(oldLine, oldCount), lineRange(newLine, newCount))
		}
		for _, l := range list[begin:end] {
			b.WriteByte(l.op)
			b.WriteString(l.text)
			if !strings.HasSuffix(l.text, "\n") {
				b.WriteString("\n\\ No newline at end of file\n")
			}
		}
		oldLine, newLine, from = oldLine+oldCount, newLine+newCount, end
	}
}

// nextHunk answers where the next hunk begins and ends; both at the end of the list when there is none.
func nextHunk(list []diffLine, from int) (begin, end int) {
	first := from
	for first < len(list) && list[first].op == ' ' {
		first++
	}
	if first == len(list) {
		return first, first
	}
	begin, end = max(from, first-diffContext), first
	for i := first; i < len(list) && i-end <= 2*diffContext; i++ {
		if list[i].op != ' ' {
			end = i + 1
		}
	}
	return begin, min(len(list), end+diffContext)
}

// lineRange is where lines stand, as a hunk's head says it: an empty range is behind the line it names.
func lineRange(before, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}
