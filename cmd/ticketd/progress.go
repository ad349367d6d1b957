package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	barWidth = 30
	// A terminal is drawn anew often enough to look alive; a log gets a line now and then.
	terminalEvery = 200 * time.Millisecond
	logEvery      = 5 * time.Second
)

// progress shows how far long work has come: a bar in a terminal, a line now and then elsewhere.
type progress struct {
	w        io.Writer
	what     string // e.g. "verify"
	unit     string // e.g. "events"
	terminal bool
	began    time.Time
	shown    time.Time
	done     int64
	total    int64
}

func newProgress(w io.Writer, what, unit string) *progress {
	now := time.Now()
	return &progress{w: w, what: what, unit: unit, terminal: isTerminal(w), began: now, shown: now}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// at says that so many of total are done; a total of 0 is one that nobody knows.
func (p *progress) at(done, total int64) {
	p.done, p.total = done, total
	every := logEvery
	if p.terminal {
		every = terminalEvery
	}
	if time.Since(p.shown) >= every {
		p.show()
	}
}

// end shows the last state and leaves the line.
func (p *progress) end() {
	p.show()
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

func (p *progress) show() {
	p.shown = time.Now()
	took := p.shown.Sub(p.began).Seconds()
	rate := float64(p.done) / max(took, 1e-9)
	line := fmt.Sprintf("%s: %d %s, %.0f/s, %.1f s", p.what, p.done, p.unit, rate, took)
	if p.total > 0 {
		share := min(float64(p.done)/float64(p.total), 1)
		full := int(share * barWidth)
		line = fmt.Sprintf("%s [%s%s] %3.0f %%  %d of %d %s, %.0f/s, %.1f s", p.what,
			strings.Repeat("#", full), strings.Repeat(".", barWidth-full), 100*share, p.done, p.total, p.unit, rate, took)
	}
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K"+line)
		return
	}
	fmt.Fprintln(p.w, line)
}
