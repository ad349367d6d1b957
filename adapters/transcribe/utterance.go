package transcribe

import (
	"bytes"
	"strings"

	"ticketd/domain/file"
)

// word is a word as an engine heard it.
type word struct {
	Text       string  `json:"word"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"conf"`
}

// utterance makes a segment of words that were said in one go.
func utterance(words []word) file.Segment {
	texts := make([]string, len(words))
	var sum float64
	for i, w := range words {
		texts[i] = w.Text
		sum += min(max(0, w.Confidence), 1)
	}
	return file.Segment{
		Start: words[0].Start, End: words[len(words)-1].End, Text: strings.Join(texts, " "), Confidence: new(sum / float64(len(words))),
	}
}

// plainNote warns of what local engines write.
const plainNote = "The text is lower case and without punctuation, as the local engine gives it."

// local is the reading of an engine that hears words.
func local(engine, language string, segments []file.Segment) file.Reading {
	texts := make([]string, len(segments))
	for i, s := range segments {
		texts[i] = s.Text
	}
	return file.Reading{Text: strings.Join(texts, " "), Engine: engine, Language: language, Segments: segments, Notes: []string{plainNote}}
}

// lines calls back for each line that is written. What comes after the last end of a line is none: its writer was killed.
type lines struct {
	line    func([]byte)
	partial []byte
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.partial = append(l.partial, p...)
	for {
		line, rest, ended := bytes.Cut(l.partial, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		l.line(line)
		l.partial = rest
	}
}
