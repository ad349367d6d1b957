package transcribe

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"

	"ticketd/domain/file"
	"ticketd/internal/child"
)

// Pocketsphinx hears on this machine by a program that Debian has: poorly, and better than not at all.
type Pocketsphinx struct {
	Program string // by default pocketsphinx_continuous
}

// Name implements Provider.
func (Pocketsphinx) Name() string { return "pocketsphinx" }

// Transcribe implements Provider.
func (p Pocketsphinx) Transcribe(ctx context.Context, wav string, heard func(seconds float64)) (file.Reading, error) {
	bounds, err := limits(wav, patience, roomy)
	if err != nil {
		return file.Reading{}, err
	}
	var words []word
	var segments []file.Segment
	err = child.Run(ctx, child.Command{
		Name: cmp.Or(p.Program, "pocketsphinx_continuous"), Args: []string{"-infile", wav, "-time", "yes"}, Limits: bounds,
		Stdout: &lines{line: func(line []byte) {
			w, ok := timed(string(line))
			switch {
			case !ok: // the words of the utterance, which come with their times below
			case w.Text == "</s>":
				heard(w.End)
				if len(words) > 0 {
					segments = append(segments, utterance(words))
				}
				words = nil
			case !strings.ContainsAny(w.Text[:1], "<[+"): // <sil>, [SPEECH] and ++NOISE++ are no words
				words = append(words, w)
			}
		}},
	})
	if _, missing := errors.AsType[*child.MissingError](err); missing {
		return file.Reading{}, &file.SkippedError{Reason: "pocketsphinx is not installed here."}
	}
	if exit, ok := errors.AsType[*child.ExitError](err); ok && strings.Contains(exit.Said, "coustic model") {
		return file.Reading{}, &file.SkippedError{Reason: "pocketsphinx has no model here."}
	}
	if err != nil {
		return file.Reading{}, err
	}
	return local("pocketsphinx", "en", segments), nil
}

// timed reads a line like "read(2) 9.740 9.840 0.002211": a word, which of its pronunciations, when, and how likely.
func timed(line string) (word, bool) {
	fields := strings.Fields(line)
	if len(fields) != 4 {
		return word{}, false
	}
	var numbers [3]float64
	for i := range numbers {
		number, err := strconv.ParseFloat(fields[i+1], 64)
		if err != nil {
			return word{}, false
		}
		numbers[i] = number
	}
	text, _, _ := strings.Cut(fields[0], "(")
	return word{Text: text, Start: numbers[0], End: numbers[1], Confidence: numbers[2]}, text != ""
}
