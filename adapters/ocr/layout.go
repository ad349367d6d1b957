package ocr

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// row is pieces beside each other, from left to right. A block is rows below each other that belong together.
type (
	row   []piece
	block []row
)

func (r row) top() int {
	return slices.MinFunc(r, func(a, b piece) int { return cmp.Compare(a.box.Min.Y, b.box.Min.Y) }).box.Min.Y
}

func (r row) bottom() int {
	return slices.MaxFunc(r, func(a, b piece) int { return cmp.Compare(a.box.Max.Y, b.box.Max.Y) }).box.Max.Y
}

// middle is the height on the page of the row's first piece, doubled to stay whole.
func (r row) middle() int { return r[0].middle() }

func (p piece) middle() int { return p.box.Min.Y + p.box.Max.Y }

// blocks puts pieces into the order in which people read them: columns one after the other, tables row by row. The engine's
// own order reads a table column by column, and changes with the size of the picture.
func blocks(all []piece) []block {
	if len(all) == 0 {
		return nil
	}
	rows, height := rowsOf(all), heightOf(all)
	if left, right, found := columns(all, height); found {
		return slices.Concat(blocks(left), blocks(right))
	}
	parts := sections(rows, height)
	if len(parts) == 1 {
		return []block{rows}
	}
	var found []block
	for _, part := range parts {
		found = slices.Concat(found, blocks(slices.Concat(part...)))
	}
	return found
}

// rowsOf puts pieces whose middles are about level into rows, from top to bottom.
func rowsOf(all []piece) []row {
	var rows []row
	for _, p := range slices.SortedStableFunc(slices.Values(all), func(a, b piece) int { return cmp.Compare(a.middle(), b.middle()) }) {
		if last := len(rows) - 1; last >= 0 && p.middle()-rows[last].middle() < min(p.box.Dy(), rows[last][0].box.Dy()) {
			rows[last] = append(rows[last], p)
			continue
		}
		rows = append(rows, row{p})
	}
	for _, r := range rows {
		slices.SortStableFunc(r, func(a, b piece) int { return cmp.Compare(a.box.Min.X, b.box.Min.X) })
	}
	return rows
}

// columns looks for the widest gap that runs from top to bottom between two columns. The columns of a table are none: their
// rows are level, and short.
func columns(all []piece, height int) (left, right []piece, found bool) {
	across := slices.SortedStableFunc(slices.Values(all), func(a, b piece) int { return cmp.Compare(a.box.Min.X, b.box.Min.X) })
	widest, end := 2*height, across[0].box.Max.X
	for i, p := range across {
		if gap := p.box.Min.X - end; gap > widest && apart(across[:i], across[i:]) {
			left, right, found, widest = across[:i], across[i:], true, gap
		}
		end = max(end, p.box.Max.X)
	}
	return left, right, found
}

// apart reports whether people read one side before the other: their rows are not level, or both are running text.
func apart(left, right []piece) bool {
	const prose = 25 // characters; the cells of tables have fewer
	fewer, more := rowsOf(left), rowsOf(right)
	if len(fewer) > len(more) {
		fewer, more = more, fewer
	}
	if len(fewer) > 1 && typical(left) >= prose && typical(right) >= prose {
		return true
	}
	level := 0
	for _, a := range fewer {
		if slices.ContainsFunc(more, func(b row) bool { return max(a.middle()-b.middle(), b.middle()-a.middle()) < a[0].box.Dy() }) {
			level++
		}
	}
	return 5*level < 4*len(fewer)
}

// typical answers the median length of pieces.
func typical(all []piece) int {
	lengths := make([]int, len(all))
	for i, p := range all {
		lengths[i] = utf8.RuneCountInString(p.text())
	}
	slices.Sort(lengths)
	return lengths[len(lengths)/2]
}

// sections cuts rows at the gaps that are plainly wider than the others.
func sections(rows []row, height int) [][]row {
	gaps := make([]int, 0, len(rows))
	bottom := rows[0].bottom()
	for _, r := range rows[1:] {
		gaps = append(gaps, r.top()-bottom)
		bottom = max(bottom, r.bottom())
	}
	if len(gaps) == 0 {
		return [][]row{rows}
	}
	sorted := slices.Sorted(slices.Values(gaps))
	wide := max(height, min(3*sorted[len(sorted)/2]/2, 5*height/2), 3*sorted[len(sorted)-1]/4)
	var parts [][]row
	from := 0
	for i, gap := range gaps {
		if gap > wide {
			parts, from = append(parts, rows[from:i+1]), i+1
		}
	}
	return append(parts, rows[from:])
}

// text is what blocks say: an empty line between them, two spaces between what stands apart in one row.
func text(all []block) string {
	parts := make([]string, len(all))
	for i, b := range all {
		lines := make([]string, len(b))
		for j, r := range b {
			cells := make([]string, len(r))
			for k, p := range r {
				cells[k] = p.text()
			}
			lines[j] = strings.Join(cells, "  ")
		}
		parts[i] = strings.Join(lines, "\n")
	}
	return strings.Join(parts, "\n\n")
}
