package transcribe

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"ticketd/domain/file"
)

// merge makes one reading of those of the pieces, with times that count from the beginning of the recording.
func merge(pieces []piece, readings []file.Reading) file.Reading {
	var all file.Reading
	var texts []string
	for i, r := range readings {
		all.Engine = cmp.Or(all.Engine, r.Engine)
		if r.Text == "" {
			continue
		}
		texts = append(texts, r.Text)
		all.Language = cmp.Or(all.Language, r.Language)
		for _, note := range r.Notes {
			if !slices.Contains(all.Notes, note) {
				all.Notes = append(all.Notes, note)
			}
		}
		if len(r.Segments) == 0 { // who tells no times said it somewhere in the piece
			r.Segments = []file.Segment{{End: pieces[i].seconds(), Text: r.Text, Confidence: r.Confidence}}
		}
		for _, s := range r.Segments {
			s.Start, s.End = pieces[i].at(s.Start), pieces[i].at(s.End)
			all.Segments = append(all.Segments, s)
		}
	}
	all.Text, all.Confidence = strings.Join(texts, " "), confidence(all.Segments)
	if all.Text == "" {
		all.Notes = []string{"No speech was heard in the recording."}
	}
	return all
}

// at moves a time within the piece to where it is in the recording, to the millisecond.
func (p piece) at(seconds float64) float64 {
	return math.Round(1000*(p.start()+min(max(0, seconds), p.seconds()))) / 1000
}

// confidence is the mean of the words' confidences: those of the segments, each as often as it has words.
func confidence(segments []file.Segment) *float64 {
	var sum, words float64
	for _, s := range segments {
		if s.Confidence != nil {
			n := float64(len(strings.Fields(s.Text)))
			sum += n * *s.Confidence
			words += n
		}
	}
	if words == 0 {
		return nil
	}
	return new(sum / words)
}
