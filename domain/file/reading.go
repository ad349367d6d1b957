package file

import (
	"slices"
	"strings"
)

// Reading is what was read from a file. It is kept as JSON beside the log, which holds its hash: see commands.Readings.
type Reading struct {
	Text       string            `json:"text"`
	Engine     string            `json:"engine"`               // what read it, and its version: "tesseract 5.3.0"
	Language   string            `json:"language,omitempty"`   // of the text, as far as the engine knows: "en"
	Confidence *float64          `json:"confidence,omitempty"` // the engine's own, from 0 to 1; nil: it has none
	Pages      []Page            `json:"pages,omitempty"`
	Regions    []Region          `json:"regions,omitempty"`
	Segments   []Segment         `json:"segments,omitempty"`
	Width      int               `json:"width,omitempty"`    // pixels
	Height     int               `json:"height,omitempty"`   // pixels
	Seconds    float64           `json:"seconds,omitempty"`  // of a recording
	Metadata   map[string]string `json:"metadata,omitempty"` // what the document says of itself: "author", "codec"
	Notes      []string          `json:"notes,omitempty"`    // what a reader of the text must know: whole sentences
}

// Storable answers the reading with nothing in its texts that PostgreSQL cannot hold: an engine may hear or see anything.
func (r Reading) Storable() Reading {
	clean := func(text string) string {
		return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
	}
	r.Text, r.Engine, r.Language = clean(r.Text), clean(r.Engine), clean(r.Language)
	r.Pages, r.Regions, r.Segments, r.Notes = slices.Clone(r.Pages), slices.Clone(r.Regions), slices.Clone(r.Segments), slices.Clone(r.Notes)
	for i := range r.Pages {
		r.Pages[i].Name, r.Pages[i].Text = clean(r.Pages[i].Name), clean(r.Pages[i].Text)
	}
	for i := range r.Regions {
		r.Regions[i].Text = clean(r.Regions[i].Text)
	}
	for i := range r.Segments {
		r.Segments[i].Text = clean(r.Segments[i].Text)
	}
	for i := range r.Notes {
		r.Notes[i] = clean(r.Notes[i])
	}
	metadata := r.Metadata
	r.Metadata = nil
	for name, value := range metadata {
		if r.Metadata == nil {
			r.Metadata = map[string]string{}
		}
		r.Metadata[clean(name)] = clean(value)
	}
	return r
}

// Page is a page, a slide or a sheet of a document, from 1.
type Page struct {
	Number int    `json:"page_number"`
	Name   string `json:"name,omitempty"` // of a sheet
	Text   string `json:"text"`
}

// Region is a line of text in a picture. Lengths are pixels of the picture as it was uploaded; at is where a recording
// showed it, in seconds.
type Region struct {
	Text       string  `json:"text"`
	Confidence float64 `json:"confidence"` // from 0 to 1
	X          int     `json:"x"`
	Y          int     `json:"y"`
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	At         float64 `json:"at,omitempty"`
}

// Segment is something that was said. Times are seconds from the beginning of the recording.
type Segment struct {
	Start      float64  `json:"start"`
	End        float64  `json:"end"`
	Text       string   `json:"text"`
	Confidence *float64 `json:"confidence,omitempty"` // from 0 to 1
}

// SkippedError says why a file, or a part of it, cannot be read here: an engine is missing, a password is needed, there is
// nothing to read. Trying again would change nothing.
type SkippedError struct{ Reason string } // one sentence for a person

func (e *SkippedError) Error() string { return e.Reason }

// BrokenError says why a file is not what it says it is. Trying again would change nothing.
type BrokenError struct{ Reason string } // one sentence for a person

func (e *BrokenError) Error() string { return e.Reason }
