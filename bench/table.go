package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// table is a Markdown table. A header that ends with a colon aligns its column to the right.
type table struct {
	header []string
	rows   [][]string
}

func newTable(header ...string) *table { return &table{header: header} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table below a title; notes follow it.
func (t *table) write(w io.Writer, title string, notes ...string) {
	names, rule := make([]string, len(t.header)), make([]string, len(t.header))
	for i, name := range t.header {
		names[i] = strings.TrimSuffix(name, ":")
		rule[i] = strings.Replace("---"+strings.Repeat(":", len(name)-len(names[i])), "::", ":", 1)
	}
	fmt.Fprintf(w, "\n### %s\n\n", title)
	for _, row := range append([][]string{names, rule}, t.rows...) {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	for _, note := range notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
}

// ms writes a duration in milliseconds, to about three digits.
func ms(d time.Duration) string {
	switch v := float64(d) / float64(time.Millisecond); {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func whole(v float64) string { return fmt.Sprintf("%.0f", v) }
func ratio(v float64) string { return fmt.Sprintf("%.2f", v) }
